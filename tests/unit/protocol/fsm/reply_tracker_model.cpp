#include <doctest/doctest.h>

#include <random>

#include "server_model.hpp"

// The tracker between a random client and a model of the server, with requests under way and replies late by any
// amount.
using namespace forebay::fsm;
using verdict = reply_tracker::verdict;

namespace {

class conversation {
 public:
  conversation(unsigned seed, bool orderly)
      : random_(seed), orderly_(orderly), server_(random_, orderly || random_() % 2 == 0) {}

  void run() {
    for (auto turns = random_() % 40; turns > 0 && !over_; --turns) {
      switch (random_() % 3) {
        case 0:
          orderly_ ? speak() : say(static_cast<request>(random_() % 13));
          break;
        case 1:
          for (auto steps = random_() % 8; steps > 0; --steps)
            server_.step();
          break;
        default:
          for (auto replies = random_() % 8; replies > 0; --replies)
            hear();
      }
      compare();
    }
    bring_home();
  }

  unsigned violations() const { return violations_; }
  bool settled() const { return tracker_.settled(); }

 private:
  unsigned any(unsigned below) { return static_cast<unsigned>(random_() % below); }

  void say(request kind, std::vector<statement> statements = {}) {
    if (over_) return;
    const bool can_be_made_up = kind == request::parse || kind == request::close;
    const auto what = can_be_made_up && any(4) == 0 ? action::synthesize
                      : any(4) == 0                 ? action::swallow
                                                    : action::forward;
    if (statements.empty() && (kind == request::query || kind == request::execute)) {
      for (auto count = kind == request::query ? any(4) : 1; count > 0; --count) {
        statements.push_back(static_cast<statement>(any(7)));
      }
    }
    const model_request r{kind, what, ++id_, std::move(statements)};
    tracker_.sent(kind, r.what, r.id);
    if (kind == request::flush) flushed_ = true;
    if (kind == request::sync || kind == request::query || kind == request::function_call) flushed_ = false;
    for (const auto& o : tracker_.dropped())
      account(o);
    server_.write(r);
  }

  // As a client that knows the protocol: what it sends between a COPY and the end of its data is data, Flush and Sync.
  void speak() {
    const bool must_sync_first = tracker_.skipping() && tracker_.ambiguous();
    if (must_sync_first) return say(request::sync);
    const bool simple = any(3) == 0;
    if (any(3) != 0) {
      static constexpr request extended[] = {request::parse,           request::bind,  request::describe_statement,
                                             request::describe_portal, request::close, request::flush};
      if (any(3) == 0) return say(any(2) ? request::sync : request::function_call);
      if (any(2)) return say(extended[any(6)]);
      return say(simple ? request::query : request::execute,
                 {static_cast<statement>(any(static_cast<unsigned>(statement::copy_in)))});
    }
    const auto copies = simple ? 1 + any(2) : 1;
    say(simple ? request::query : request::execute, std::vector<statement>(copies, statement::copy_in));
    bool sync_among_data = false;
    for (unsigned copy = 0; copy < copies; ++copy) {
      for (auto count = any(5); count > 0; --count) {
        static constexpr request allowed[] = {request::copy_data, request::copy_data, request::flush, request::sync};
        const auto kind = allowed[any(4)];
        sync_among_data = sync_among_data || kind == request::sync;
        say(kind);
        if (any(3) == 0) server_.step();
        if (any(3) == 0) hear();
      }
      say(any(6) == 0 ? request::copy_fail : request::copy_done);
    }
    if (sync_among_data) say(request::sync);
  }

  void hear() {
    const auto reply = server_.read();
    if (!reply || over_) return;
    take_synthesized();
    const bool certain = !tracker_.ambiguous();
    const auto v = tracker_.received(reply->type, reply->body);
    if (v == verdict::violation && !certain && !orderly_) {
      ++violations_;
      over_ = true;
      return;
    }
    CAPTURE(reply->type);
    REQUIRE(v != verdict::violation);
    if (tracker_.completed()) account(*tracker_.completed());
    for (const auto& o : tracker_.dropped())
      account(o);
    if (certain && reply->of) {
      REQUIRE_EQ(v == verdict::swallow, reply->of->what == action::swallow);
      REQUIRE_EQ(tracker_.completed().has_value(), reply->completes);
      if (reply->completes) REQUIRE_EQ(tracker_.completed()->id, reply->of->id);
      if (!tracker_.dropped().empty()) REQUIRE_EQ(tracker_.dropped().front().id, reply->of->id);
    }
    take_synthesized();
  }

  void take_synthesized() {
    while (const auto o = tracker_.take_synthesized())
      account(*o);
  }

  // Whatever becomes of requests, it becomes of them in their order.
  void account(const outcome& o) {
    REQUIRE_GT(o.id, accounted_);
    accounted_ = o.id;
  }

  void compare() {
    if (server_.dead()) over_ = true;
    if (over_) return;
    take_synthesized();
    if (tracker_.settled()) REQUIRE(server_.owes_nothing());
    if (tracker_.ambiguous()) return;
    if (server_.owes_nothing() && !tracker_.settled()) {
      // A Flush may be no good and make the server skip, so the tracker waits for a Sync: the safe way to be wrong.
      REQUIRE((flushed_ && tracker_.unsynced() && tracker_.owed() == 0));
    }
    if (tracker_.settled()) REQUIRE_EQ(tracker_.idle(), tracker_.status() == 'I');
    if (tracker_.settled()) REQUIRE_EQ(tracker_.status(), server_.status());
  }

  void hear_everything() {
    while (server_.step()) {
    }
    for (int i = 0; i < 1000 && !over_; ++i)
      hear();
    compare();
  }

  void bring_home() {
    hear_everything();
    if (tracker_.copy_in()) say(request::copy_fail);
    say(request::sync);
    hear_everything();
    say(request::query, {statement::command});  // its answer ends a doubt that can be ended
    hear_everything();
    if (over_) return;
    if (orderly_) REQUIRE_FALSE(tracker_.ambiguous());
    if (server_.swallowed_a_request()) return;
    REQUIRE_NE(tracker_.settled(), tracker_.ambiguous());
  }

  std::mt19937 random_;
  bool orderly_;
  server_model server_;
  reply_tracker tracker_;
  std::uint32_t id_ = 0;
  std::uint32_t accounted_ = 0;
  unsigned violations_ = 0;
  bool flushed_ = false;  // since the last Sync, Query or FunctionCall
  bool over_ = false;
};

}  // namespace

TEST_CASE("reply_tracker: agrees with a model of the server on every client that knows the protocol") {
  unsigned settled = 0;
  constexpr unsigned runs = 20'000;
  for (unsigned seed = 0; seed < runs; ++seed) {
    CAPTURE(seed);
    conversation c(seed, true);
    c.run();
    settled += c.settled();
  }
  CHECK_EQ(settled, runs);
}

TEST_CASE("reply_tracker: agrees with a model of the server on any client, or says that it is in doubt") {
  unsigned settled = 0, violations = 0;
  constexpr unsigned runs = 20'000;
  for (unsigned seed = 0; seed < runs; ++seed) {
    CAPTURE(seed);
    conversation c(seed, false);
    c.run();
    settled += c.settled();
    violations += c.violations();
  }
  CHECK_GT(settled, runs / 2);
  CHECK_LT(violations, runs / 20);
}
