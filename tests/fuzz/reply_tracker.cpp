#include "protocol/fsm/reply_tracker.hpp"

#include <deque>

#include "input.hpp"

// Any order of requests and of backend messages: each request is answered or dropped once, in their order, and what the
// tracker says of itself adds up.
namespace forebay::fuzz {
namespace {

using fsm::action;
using fsm::reply_tracker;
using fsm::request;

class ledger {
 public:
  void send(request kind, action what) {
    const auto before = tracker_.owed();
    const fsm::outcome o{kind, what, ++last_};
    tracker_.sent(kind, what, o.id);
    const bool owes = kind < request::flush || kind == request::function_call;
    const auto& dropped = tracker_.dropped();
    expect(tracker_.owed() == before || (owes && tracker_.owed() == before + 1));
    expect(dropped.empty() || (owes && dropped == std::vector<fsm::outcome>{o}));
    if (tracker_.owed() > before) owed_.push_back(o);
    // A Sync among the data of a COPY is nobody's; nothing else may disappear.
    const bool is_kept = tracker_.owed() > before || !dropped.empty();
    expect(is_kept || !owes || kind == request::sync);
  }

  bool receive(char type, std::string_view body) {
    take_synthesized();
    const auto front = tracker_.in_doubt() ? action::swallow : tracker_.current_action();
    const auto before = tracker_.owed();
    const auto verdict = tracker_.received(type, body);
    if (verdict == reply_tracker::verdict::violation) return false;
    if (type == 'A') expect(verdict == reply_tracker::verdict::forward);
    if (verdict == reply_tracker::verdict::swallow) expect(front == action::swallow);
    if (tracker_.completed()) settle(*tracker_.completed());
    for (const auto& o : tracker_.dropped())
      settle(o);
    expect(tracker_.owed() <= before && tracker_.dropped().size() <= before);
    take_synthesized();
    return true;
  }

  void check() {
    expect(tracker_.owed() <= owed_.size() && tracker_.ready_owed() <= tracker_.owed());
    expect(!tracker_.idle() || (tracker_.settled() && tracker_.status() == 'I'));
    if (!tracker_.settled()) return;
    expect(tracker_.owed() == 0 && !tracker_.copy_in() && !tracker_.skipping() && !tracker_.unsynced() &&
           !tracker_.in_doubt());
    for (const auto& o : owed_)
      expect(o.kind == request::sync);
    owed_.clear();
  }

  void probe_if_in_doubt() {
    if (tracker_.room_for(true) != reply_tracker::room::probe) return;
    tracker_.probe(request::bind);
    for (const auto kind : {request::sync, request::close, request::sync})
      owed_.push_back({kind, action::swallow, 0});
  }

  void take_synthesized() {
    while (const auto o = tracker_.take_synthesized()) {
      expect(o->what == action::synthesize);
      settle(*o);
    }
  }

 private:
  // It is the oldest but for Syncs that were taken for part of a COPY.
  void settle(const fsm::outcome& o) {
    while (!owed_.empty() && owed_.front().kind == request::sync && owed_.front() != o)
      owed_.pop_front();
    expect(!owed_.empty() && owed_.front() == o);
    owed_.pop_front();
  }

  reply_tracker tracker_;
  std::deque<fsm::outcome> owed_;
  std::uint32_t last_ = 0;
};

// A byte each: a request with its action, a backend message, or the taking of what is synthesized.
void run(std::string_view bytes) {
  constexpr std::string_view types = "123nsItTDCGHdcVEZZZNSA";
  input in(bytes);
  ledger l;
  while (!in.empty()) {
    const auto op = in.u8();
    if (op < 13 * 3) {
      const auto kind = static_cast<request>(op % 13);
      const bool can_be_made_up = kind == request::parse || kind == request::close;
      const auto what = static_cast<action>(op / 13);
      l.send(kind, what == action::synthesize && !can_be_made_up ? action::forward : what);
    } else if (op < 0xf0) {
      const auto i = op % types.size();
      if (!l.receive(types[i], types[i] == 'Z' ? std::string_view(&"ITE"[i - types.find('Z')], 1) : "")) return;
    } else if (op < 0xf4) {
      l.probe_if_in_doubt();
    } else if (op < 0xf8) {
      l.take_synthesized();
    } else {
      if (!l.receive(static_cast<char>(in.u8()), in.bytes(1))) return;
    }
    l.check();
  }
}

std::string script(std::string requests, std::string_view replies) {
  constexpr std::string_view types = "123nsItTDCGHdcVEZZZNSA";
  std::string out = std::move(requests);
  for (const char c : replies)
    out += static_cast<char>(66 + types.find(c));  // 66: a multiple of their number
  return out;
}

std::vector<std::string> seeds() {
  const std::string extended{1, 2, 4, 5, 7};  // Parse, Bind, Describe, Execute, Sync
  const std::string copies{0, 10, 10, 11};    // Query, CopyData twice, CopyDone
  return {script({0}, "TDDCZ"),
          script(extended + extended, "12TDDCZ1E") + script("", "Z"),
          script(copies, "GCZ"),
          script({5, 7, 10, 11, 7}, "GCZ"),
          script({5, 10, 7, 12, 7}, "GEZ"),
          script({1 + 26, 2, 5, 6 + 26, 7}, "2DsZ"),
          script({14, 15, 18, 20, 1, 2, 7}, "1NSE") + script("", "ZE") + script({7}, "ZA"),
          script({5, 7}, "G") + script({10}, "E") + "\xf0" + script("", "Z3Z"),
          script({0, 9, 8}, "HddcCZVZ")};
}

const registered here{{"reply_tracker", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
