#include "protocol/fsm/reply_tracker.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/wire/notice.hpp"

namespace forebay::fsm {
namespace {

constexpr std::string_view types = "QPBDDECSHFdcf";  // in the order of `request`

constexpr std::uint8_t no_type = 255;
constexpr auto index_of_type = [] {
  std::array<std::uint8_t, 256> found{};
  found.fill(no_type);
  for (std::size_t i = types.size(); i-- > 0;)  // of two of the same type the first
    found[static_cast<unsigned char>(types[i])] = static_cast<std::uint8_t>(i);
  return found;
}();

bool is_extended(request kind) {
  return kind >= request::parse && kind <= request::close;
}

bool ends_in_ready(request kind) {
  return kind == request::query || kind == request::sync || kind == request::function_call;
}

// What a message other than E, Z and the asynchronous ones means to the request it answers.
enum class meaning { foreign, part, last, parameters, copy_in, copy_out };

// Outside of COPY.
meaning meaning_of(request kind, char type) {
  const auto only = [type](char completion) { return type == completion ? meaning::last : meaning::foreign; };
  switch (kind) {
    case request::query:
    case request::execute:
      switch (type) {
        case 'D':
          return meaning::part;
        case 'C':
        case 'I':
          return kind == request::execute ? meaning::last : meaning::part;
        case 'T':
          return kind == request::query ? meaning::part : meaning::foreign;
        case 's':
          return kind == request::execute ? meaning::last : meaning::foreign;
        case 'G':
          return meaning::copy_in;
        case 'H':
          return meaning::copy_out;
        default:
          return meaning::foreign;
      }
    case request::parse:
      return only('1');
    case request::bind:
      return only('2');
    case request::close:
      return only('3');
    case request::describe_statement:
      return type == 't' ? meaning::parameters : only(type == 'n' ? 'n' : 'T');
    case request::describe_portal:
      return only(type == 'n' ? 'n' : 'T');
    case request::function_call:
      return type == 'V' ? meaning::part : meaning::foreign;
    default:
      return meaning::foreign;
  }
}

// Of a COPY: that it has read a request without a place there. Whatever cannot be read may say so.
bool is_protocol_violation(std::string_view body) {
  const auto error = wire::error_response::decode(body);
  return !error || error->sqlstate() == "08P01";
}

}  // namespace

char type_of(request kind) {
  return types[static_cast<std::size_t>(kind)];
}

std::optional<request> request_of(char type) {
  if (!is_client_type(type)) return std::nullopt;
  const auto kind = static_cast<request>(index_of_type[static_cast<unsigned char>(type)]);
  const bool asks = kind <= request::close || kind == request::function_call;
  return asks ? std::optional(kind) : std::nullopt;
}

bool is_client_type(char type) {
  return index_of_type[static_cast<unsigned char>(type)] != no_type;
}

void reply_tracker::sent(request kind, action what, std::uint32_t id) {
  dropped_.clear();
  switch (kind) {
    case request::copy_data:
      return;
    case request::copy_done:
    case request::copy_fail:
      // Ignored by the server unless it is, or will be, in a COPY when it gets there: begin_copy_in() decides.
      if (wants_copy_data()) {
        copy_end_sent_ = true;
      } else {
        ++copy_ends_;
      }
      return;
    case request::flush:
      if (!skipping_ && !wants_copy_data()) unsynced_ = true;
      return;
    case request::sync:
      if (wants_copy_data()) {
        ++copy_syncs_;
        return;
      }
      skipping_ = unsynced_ = false;
      break;
    default:
      if (skipping_) {
        dropped_.push_back({kind, what, id});
        return;
      }
      unsynced_ = is_extended(kind);
      if (wants_copy_data()) {
        copy_end_sent_ = true;  // the COPY fails over it, if not before
        misplaced_ = true;
      }
  }
  fifo_.push_back({kind, what, id, std::exchange(copy_ends_, 0)});
}

// What the server reads next, now that it wants COPY data, was maybe sent before it said so. It ignores Syncs there,
// for drivers that send one behind each Execute before they know that it is a COPY.
void reply_tracker::begin_copy_in() {
  copy_ = copy_mode::in;
  const auto is_sync = [](const entry& e) { return e.kind == request::sync; };
  const auto behind = fifo_.begin() + static_cast<std::ptrdiff_t>(head_) + 1;
  const auto next = std::find_if(behind, fifo_.end(), [&](const entry& e) { return e.copy_ends > 0 || !is_sync(e); });
  const bool all_sent = next != fifo_.end();
  auto& ends = all_sent ? next->copy_ends : copy_ends_;
  copy_end_sent_ = all_sent || ends > 0;
  misplaced_ = all_sent && ends == 0;  // a request without a place in a COPY, which fails over it if not before
  if (ends > 0) --ends;
  if (!all_sent && front()->kind == request::execute) unsynced_ = true;  // its Sync, if there was one, does not count
  copy_syncs_ += static_cast<std::uint32_t>(std::count_if(behind, next, is_sync));
  fifo_.erase(std::remove_if(behind, next, is_sync), next);
}

void reply_tracker::pop() {
  parameters_seen_ = false;
  if (++head_ == fifo_.size()) {
    fifo_.clear();
    head_ = 0;
  } else if (head_ >= 64 && head_ * 2 >= fifo_.size()) {  // never empty, as in one long pipeline
    fifo_.erase(fifo_.begin(), fifo_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

void reply_tracker::drop_until_sync() {
  failed_ = true;
  do {
    dropped_.push_back({front()->kind, front()->what, front()->id});
    pop();
  } while (front() && front()->kind != request::sync);
  skipping_ = front() == nullptr;
}

reply_tracker::room reply_tracker::room_for(bool is_request) const {
  if (doubt_ != doubt::none) return doubt_ == doubt::asked ? room::later : room::probe;
  if (!is_request || !copy_in() || copy_syncs_ == 0) return room::yes;
  return copy_end_sent_ ? room::later : room::probe;
}

void reply_tracker::probe(std::optional<request> instead_of) {
  dropped_.clear();
  if (copy_in()) copy_end_sent_ = misplaced_ = true;
  copy_ends_ = 0;
  asked_instead_of_ = instead_of;
  doubt_ = doubt::asked;
  for (const auto kind : {request::sync, request::close, request::sync})
    fifo_.push_back({kind, action::swallow, 0, 0});
}

// A COPY with Syncs in it has failed. A Query's ReadyForQuery comes in any case; behind that, or in the extended
// protocol, come those of the Syncs it has not read.
reply_tracker::verdict reply_tracker::begin_doubt(verdict of_error) {
  if (doubt_ == doubt::none) doubt_ = doubt::unasked;
  ready_seen_ = 0;
  skipping_ = unsynced_ = false;
  skips_ = is_extended(front()->kind);
  if (skips_) {
    dropped_.push_back({front()->kind, front()->what, front()->id});
    pop();
  }
  const auto behind = fifo_.begin() + static_cast<std::ptrdiff_t>(head_) + (skips_ ? 0 : 1);
  const auto other = std::find_if(behind, fifo_.end(), [](const entry& e) { return e.kind != request::sync; });
  // Whoever did not let a request wait cannot be told what became of it.
  return other == fifo_.end() || other->what == action::swallow ? of_error : verdict::violation;
}

// Our Close is answered, so all before it were ReadyForQuery: of Syncs that the COPY had not read, of those that
// the client sent behind it, and of ours.
bool reply_tracker::end_doubt() {
  std::uint32_t certain = 0;
  for (; front()->kind != request::close; pop())
    ++certain;
  if (ready_seen_ < certain || ready_seen_ - certain > copy_syncs_) return false;
  skip_goes_on_ = skips_ && ready_seen_ == 1;
  doubt_ = doubt::none;
  copy_syncs_ = 0;
  asked_instead_of_.reset();
  return true;
}

reply_tracker::verdict reply_tracker::received(char type, std::string_view body) {
  dropped_.clear();
  completed_.reset();
  skip_goes_on_ = false;
  while (take_synthesized()) {
    // the caller forgot to
  }
  switch (type) {
    case 'A':
      return verdict::forward;
    case 'N':
    case 'S':
      return verdict_of_front();
    case 'E':
      return on_error(body);
    case 'Z':
      return on_ready(body);
    default:
      return on_reply(type);
  }
}

reply_tracker::verdict reply_tracker::on_reply(char type) {
  if (doomed_ || (doubt_ != doubt::none && !copy_in())) {
    if (doomed_ || doubt_ != doubt::asked || type != '3') return verdict::violation;
    if (!end_doubt()) return verdict::violation;
  }
  const auto* request = front();
  if (!request) return verdict::violation;
  const auto result = verdict_of_front();
  if (copy_ == copy_mode::out) {
    if (type == 'c') copy_ = copy_mode::none;
    return type == 'd' || type == 'c' ? result : verdict::violation;
  }
  if (copy_ == copy_mode::in) {
    if (type != 'C' || !copy_end_sent_) return verdict::violation;
    copy_ = copy_mode::none;
    copy_syncs_ = 0;  // read within the COPY, every one
    misplaced_ = false;
  }
  switch (meaning_of(request->kind, type)) {
    case meaning::foreign:
      return verdict::violation;
    case meaning::part:
      break;
    case meaning::last:
      if (request->kind == request::describe_statement && !parameters_seen_) return verdict::violation;
      completed_ = {request->kind, request->what, request->id};
      pop();
      break;
    case meaning::parameters:
      if (std::exchange(parameters_seen_, true)) return verdict::violation;
      break;
    case meaning::copy_in:
      begin_copy_in();
      break;
    case meaning::copy_out:
      copy_ = copy_mode::out;
      break;
  }
  return result;
}

reply_tracker::verdict reply_tracker::on_error(std::string_view body) {
  const auto* request = front();
  if (!request || (doubt_ != doubt::none && !copy_in())) {
    // FATAL, or a Flush that was no good. The latter makes the server skip as any extended request does.
    skipping_ = skipping_ || unsynced_;
    return verdict::forward;
  }
  const auto result = verdict_of_front();
  const bool copied = std::exchange(copy_, copy_mode::none) == copy_mode::in;
  // PostgreSQL ends the connection over such a request. (Until version 13 it went on, without an answer to it.)
  doomed_ = std::exchange(misplaced_, false) && is_protocol_violation(body);
  if (copied && copy_syncs_ > 0 && !doomed_) return begin_doubt(result);
  if (is_extended(request->kind)) drop_until_sync();
  return result;
}

reply_tracker::verdict reply_tracker::on_ready(std::string_view body) {
  if (doomed_ || (body != "I" && body != "T" && body != "E")) return verdict::violation;
  const auto* request = front();
  if (doubt_ != doubt::none && !(request && request->kind == fsm::request::query)) {
    ++ready_seen_;
    status_ = body[0];
    failed_ = false;
    return doubt_ == doubt::asked ? verdict::withhold : verdict::forward;
  }
  if (!request || !ends_in_ready(request->kind) || copy_ != copy_mode::none) return verdict::violation;
  status_ = body[0];
  failed_ = false;
  const auto result = verdict_of_front();
  completed_ = {request->kind, request->what, request->id};
  pop();
  return result;
}

std::optional<outcome> reply_tracker::take_synthesized() {
  if (!front() || front()->what != action::synthesize) return std::nullopt;
  const outcome taken{front()->kind, front()->what, front()->id};
  pop();
  return taken;
}

std::size_t reply_tracker::ready_owed() const {
  return static_cast<std::size_t>(std::count_if(fifo_.begin() + static_cast<std::ptrdiff_t>(head_), fifo_.end(),
                                                [](const entry& e) { return ends_in_ready(e.kind); }));
}

bool reply_tracker::may_skip() const {
  for (auto at = fifo_.size(); at > head_; --at) {
    const auto kind = fifo_[at - 1].kind;
    if (kind == request::sync) return skipping_;
    if (is_extended(kind)) return true;
  }
  return unsynced_ || skipping_;
}

std::optional<request> reply_tracker::request_within_copy() const {
  if (asked_instead_of_) return asked_instead_of_;
  // Those behind the one that began the COPY: an Execute is dropped first, a Query is still owed.
  std::vector<outcome> behind(dropped_.begin() + (dropped_.empty() ? 0 : 1), dropped_.end());
  for (auto at = head_ + (dropped_.empty() ? 1 : 0); at < fifo_.size(); ++at)
    behind.push_back({fifo_[at].kind, fifo_[at].what, fifo_[at].id});
  if (behind.empty() || behind.front().what != action::swallow) return std::nullopt;
  const auto theirs =
      std::find_if(behind.begin(), behind.end(), [](const auto& o) { return o.what != action::swallow; });
  return theirs == behind.end() ? std::nullopt : std::optional(theirs->kind);
}

bool reply_tracker::may_refuse() const {
  if (status_ == 'E' || copy_in()) return true;
  if (failed_) return true;                             // the batch that has failed may have begun a transaction
  if (status_ == 'T' && ready_owed() > 0) return true;  // else what fails is of the same batch: then it is skipped
  return std::any_of(fifo_.begin() + static_cast<std::ptrdiff_t>(head_), fifo_.end(), [](const entry& e) {
    return e.kind == request::query || e.kind == request::execute || e.kind == request::function_call;
  });
}

action reply_tracker::current_action() const {
  if (doubt_ != doubt::none) return action::forward;
  return front() && front()->what == action::swallow ? action::swallow : action::forward;
}

reply_tracker::verdict reply_tracker::verdict_of_front() const {
  return current_action() == action::swallow ? verdict::swallow : verdict::forward;
}

}  // namespace forebay::fsm
