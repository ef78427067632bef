#include "server_model.hpp"

#include <algorithm>

namespace forebay::fsm {

void server_model::reply(char type, bool completes) {
  out_.push_back({type, {}, current_, completes});
}

void server_model::asynchronous() {
  out_.push_back({"NSA" [random_() % 3], {}, std::nullopt});
}

void server_model::ready() {
  status_ = "ITE"[random_() % 3];
  out_.push_back({'Z', std::string(1, status_), current_, true});
}

// elog(ERROR): a simple request still gets its ReadyForQuery, an extended one makes the server skip.
void server_model::fail() {
  out_.push_back({'E', std::string("C22P02\0\0", 8), current_});
  copying_ = false;
  if (current_.kind == request::query || current_.kind == request::function_call || current_.kind == request::sync) {
    ready();
  } else {
    skipping_ = true;
  }
}

void server_model::answer(char type, unsigned error_percent) {
  if (chance(error_percent)) return fail();
  reply(type, true);
}

bool server_model::step() {
  if (dead_) return false;
  // A cancel request, or a trigger that fires before the data is read. Not while it waits for the next message with
  // data.
  if (copying_ && !reading_ && chance(3)) {
    fail();
    return true;
  }
  if (in_.empty()) return false;
  if (chance(5)) asynchronous();
  const auto r = in_.front();
  in_.pop_front();
  if (r.what == action::synthesize) {
    batch_ = batch_ || !skipping_;
  } else if (copying_) {
    copy_message(r);
  } else if (!skipping_ || r.kind == request::sync) {
    process(r);
  }
  return true;
}

void server_model::copy_message(const model_request& r) {
  switch (r.kind) {
    case request::copy_data:
      reading_ = false;
      if (chance(10)) fail();
      return;
    case request::copy_done:
      if (chance(15)) return fail();
      copying_ = false;
      reply('C', current_.kind == request::execute);
      if (current_.kind == request::query) run_statements();
      return;
    case request::copy_fail:
      return fail();
    case request::sync:
    case request::flush:
      reading_ = true;
      return;
    default:
      out_.push_back({'E', std::string("C08P01\0\0", 8), current_});
      dead_ = true;
  }
}

void server_model::process(const model_request& r) {
  current_ = r;
  next_statement_ = 0;
  switch (r.kind) {
    case request::copy_data:
    case request::copy_done:
    case request::copy_fail:
      return;
    case request::flush:
      return;
    case request::sync: {
      const bool commits = batch_ && !skipping_;
      skipping_ = batch_ = false;
      if (commits && chance(5)) return fail();  // say by a deferred constraint
      return ready();
    }
    case request::query:
      batch_ = false;
      return run_statements();
    case request::function_call:
      batch_ = false;
      if (chance(20)) return fail();
      reply('V');
      return ready();
    default:
      break;
  }
  batch_ = true;
  switch (r.kind) {
    case request::parse:
      return answer('1', 10);
    case request::bind:
      return answer('2', 10);
    case request::close:
      return answer('3', r.id != 0 ? 2 : 0);  // in truth it never fails; a probe's must not
    case request::describe_statement:
      if (chance(10)) return fail();
      reply('t');
      return answer("Tn"[random_() % 2], 0);
    case request::describe_portal:
      return answer("Tn"[random_() % 2], 10);
    default:
      return run_statements();
  }
}

void server_model::run_statements() {
  const bool simple = current_.kind == request::query;
  const bool last = !simple;
  if (simple && current_.statements.empty()) reply('I');
  while (next_statement_ < current_.statements.size()) {
    const auto s = current_.statements[next_statement_++];
    if (chance(10)) asynchronous();
    switch (s) {
      case statement::command:
        reply('C', last);
        break;
      case statement::rows:
      case statement::suspended:
        if (simple) reply('T');
        for (auto rows = random_() % 3; rows > 0; --rows)
          reply('D');
        if (chance(5)) return fail();
        reply(s == statement::suspended && !simple ? 's' : 'C', last);
        break;
      case statement::empty:
        reply('I', last);
        break;
      case statement::copy_out:
        reply('H');
        for (auto rows = random_() % 3; rows > 0; --rows)
          reply('d');
        if (chance(10)) return fail();
        reply('c');
        reply('C', last);
        break;
      case statement::copy_in:
        reply('G');
        copying_ = true;
        reading_ = false;
        return;
      case statement::error:
        return fail();
    }
  }
  if (simple) ready();
}

std::optional<model_reply> server_model::read() {
  if (out_.empty()) return std::nullopt;
  auto r = std::move(out_.front());
  out_.pop_front();
  return r;
}

bool server_model::owes_nothing() const {
  const auto asks_nothing = [](const model_request& r) {
    return r.kind == request::flush || r.kind == request::copy_data || r.kind == request::copy_done ||
           r.kind == request::copy_fail;
  };
  const bool only_data = std::all_of(in_.begin(), in_.end(), asks_nothing);
  const bool only_asynchronous = std::none_of(out_.begin(), out_.end(), [](const model_reply& r) { return r.of; });
  return only_data && only_asynchronous && !copying_ && !skipping_ && !batch_;
}

}  // namespace forebay::fsm
