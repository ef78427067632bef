#include "protocol/fsm/reply_tracker.hpp"

#include <algorithm>

namespace forebay::fsm {
namespace {

bool is_extended(request kind) { return kind >= request::parse && kind <= request::close; }

bool ends_with_ready(request kind) {
  return kind == request::query || kind == request::sync || kind == request::function_call;
}

}  // namespace

void reply_tracker::sent(request kind, action what, std::uint32_t id) {
  dropped_.clear();
  completed_.reset();
  switch (kind) {
    case request::copy_data:
      copy_data_sent_ = true;
      return;
    case request::copy_done:
    case request::copy_fail:
      copy_ended_ = true;
      return;
    case request::flush:
      if (!copy_in_) unsynced_ = true;
      return;
    default:
      break;
  }
  if (copy_in_ && !copy_ended_) {
    if (kind == request::sync && front() && front()->kind == request::execute) {
      // The server ignores it while it takes COPY data; only if the data fails before it gets there does it count.
      if (copy_data_sent_) sync_in_data_ = true;
      return;
    }
    // It makes the COPY fail, and is consumed by that.
    if (kind != request::sync) misplaced_in_copy_ = true;
  }
  if (skipping_ && kind != request::sync) {
    dropped_.push_back({kind, what, id});
    return;
  }
  if (kind == request::sync) skipping_ = false;
  if (is_extended(kind)) {
    if (what != action::synthesize) unsynced_ = true;
  } else {
    unsynced_ = false;
  }
  fifo_.push_back({kind, what, id});
}

void reply_tracker::pop() {
  const auto& e = fifo_[head_];
  completed_ = outcome{e.kind, e.what, e.id};
  if (++head_ == fifo_.size()) {
    fifo_.clear();
    head_ = 0;
  }
}

void reply_tracker::drop_until_sync() {
  const auto first = fifo_.begin() + static_cast<std::ptrdiff_t>(head_);
  const auto sync = std::find_if(first, fifo_.end(), [](const entry& e) { return e.kind == request::sync; });
  for (auto it = first; it != sync; ++it) dropped_.push_back({it->kind, it->what, it->id});
  skipping_ = sync == fifo_.end();
  head_ = static_cast<std::size_t>(sync - fifo_.begin());
  if (head_ == fifo_.size()) {
    fifo_.clear();
    head_ = 0;
  }
}

void reply_tracker::begin_copy_in() {
  copy_in_ = true;
  misplaced_in_copy_ = false;
  sync_in_data_ = false;
  if (front()->kind != request::execute) return;
  // Drivers send Parse, Bind, Execute, Sync and then the data: these Syncs the server reads as part of the COPY and
  // ignores. If data and its end were sent as well, what came behind the end counts as ever.
  const auto behind = fifo_.begin() + static_cast<std::ptrdiff_t>(head_) + 1;
  auto last = fifo_.end();
  if (copy_ended_) {
    // Not known where the end stood among the Syncs: drivers that send everything at once put one on either side.
    const auto syncs = std::count_if(behind, fifo_.end(), [](const entry& e) { return e.kind == request::sync; });
    if (syncs > 2) ambiguous_ = true;
    if (syncs > 1) last = std::find_if(behind, fifo_.end(), [](const entry& e) { return e.kind == request::sync; }) + 1;
    if (syncs <= 1) last = behind;
  }
  fifo_.erase(std::remove_if(behind, last, [](const entry& e) { return e.kind == request::sync; }), last);
}

void reply_tracker::end_copy() {
  copy_in_ = copy_out_ = copy_data_sent_ = copy_ended_ = false;
}

reply_tracker::verdict reply_tracker::on_error() {
  const auto* e = front();
  const auto what = current_action();
  if (!e) return verdict::forward;  // a last word: nobody asked
  if (copy_in_ && (sync_in_data_ || misplaced_in_copy_)) ambiguous_ = true;
  if (is_extended(e->kind)) drop_until_sync();
  end_copy();
  return what == action::swallow ? verdict::swallow : verdict::forward;
}

reply_tracker::verdict reply_tracker::on_ready(std::string_view body) {
  const auto* e = front();
  if (!e || !ends_with_ready(e->kind) || body.size() != 1) return verdict::violation;
  if (body[0] != 'I' && body[0] != 'T' && body[0] != 'E') return verdict::violation;
  status_ = body[0];
  const auto what = e->what;
  end_copy();
  pop();
  return what == action::swallow ? verdict::swallow : verdict::forward;
}

reply_tracker::verdict reply_tracker::received(char type, std::string_view body) {
  dropped_.clear();
  completed_.reset();
  while (front() && front()->what == action::synthesize) pop();
  completed_.reset();
  const auto* e = front();
  const auto mine = [&] { return current_action() == action::swallow ? verdict::swallow : verdict::forward; };
  const auto completes = [&](bool fits) {
    if (!fits) return verdict::violation;
    const auto v = mine();
    pop();
    return v;
  };
  const bool runs = e && (e->kind == request::query || e->kind == request::execute);
  switch (type) {
    case 'D':
      return runs ? mine() : verdict::violation;
    case 'd':
      return runs && copy_out_ ? mine() : verdict::violation;
    case 'C':
    case 'I':
      if (!runs) return verdict::violation;
      end_copy();
      return e->kind == request::execute ? completes(true) : mine();
    case 's':
      return completes(e && e->kind == request::execute);
    case 'T':
      if (e && e->kind == request::query) return mine();
      [[fallthrough]];
    case 'n':
      return completes(e && (e->kind == request::describe_statement || e->kind == request::describe_portal));
    case 't':
      return e && e->kind == request::describe_statement ? mine() : verdict::violation;
    case '1':
      return completes(e && e->kind == request::parse);
    case '2':
      return completes(e && e->kind == request::bind);
    case '3':
      return completes(e && e->kind == request::close);
    case 'G':
      if (!runs) return verdict::violation;
      begin_copy_in();
      return mine();
    case 'H':
      if (!runs) return verdict::violation;
      copy_out_ = true;
      return mine();
    case 'c':
      return runs && copy_out_ ? mine() : verdict::violation;
    case 'V':
      return e && e->kind == request::function_call ? mine() : verdict::violation;
    case 'E':
      return on_error();
    case 'Z':
      return on_ready(body);
    case 'N':
    case 'S':
      return mine();
    case 'A':
      return verdict::forward;
    default:
      return verdict::violation;
  }
}

std::optional<outcome> reply_tracker::take_synthesized() {
  const auto* e = front();
  if (!e || e->what != action::synthesize) return std::nullopt;
  const auto kept = completed_;
  pop();
  const auto taken = completed_;
  completed_ = kept;
  return taken;
}

bool reply_tracker::settled() const { return front() == nullptr && !unsynced_ && !skipping_ && !copy_in_; }

action reply_tracker::current_action() const { return front() ? front()->what : action::forward; }

std::size_t reply_tracker::ready_owed() const {
  return static_cast<std::size_t>(std::count_if(fifo_.begin() + static_cast<std::ptrdiff_t>(head_), fifo_.end(),
                                                [](const entry& e) { return ends_with_ready(e.kind); }));
}

}  // namespace forebay::fsm
