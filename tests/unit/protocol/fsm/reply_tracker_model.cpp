#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>

#include "server_model.hpp"

// The tracker between a random client and a model of the server, with requests under way and replies late by any
// amount.
using namespace forebay::fsm;
using verdict = reply_tracker::verdict;

namespace {

class conversation {
 public:
  conversation(unsigned seed, bool orderly) : random_(seed), orderly_(orderly), server_(random_) {}

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

  bool over() const { return over_; }
  bool settled() const { return tracker_.settled(); }

 private:
  unsigned any(unsigned below) { return static_cast<unsigned>(random_() % below); }

  void say(request kind, std::vector<statement> statements = {}) {
    await_room(request_of(type_of(kind)).has_value());
    if (over_) return;
    if (skips_) {  // as the server would, had our probe not ended it
      skips_ = kind != request::sync;
      return;
    }
    const bool can_be_made_up = (kind == request::parse || kind == request::close) && !tracker_.may_refuse();
    const auto what = can_be_made_up && any(4) == 0 ? action::synthesize
                      : any(4) == 0                 ? action::swallow
                                                    : action::forward;
    if (statements.empty() && (kind == request::query || kind == request::execute)) {
      for (auto count = kind == request::query ? any(4) : 1; count > 0; --count) {
        statements.push_back(static_cast<statement>(any(7)));
      }
    }
    const model_request r{kind, what, ++id_, std::move(statements)};
    if (std::find(r.statements.begin(), r.statements.end(), statement::copy_in) != r.statements.end())
      copies_.insert(id_);
    tracker_.sent(kind, r.what, r.id);
    if (kind == request::flush) flushed_ = true;
    if (kind == request::sync || kind == request::query || kind == request::function_call) flushed_ = false;
    for (const auto& o : tracker_.dropped())
      account(o);
    server_.write(r);
  }

  // What a user of the tracker must do before it sends something.
  void await_room(bool is_request) {
    for (int i = 0; i < 1000 && !over_; ++i) {
      probe_if_in_doubt();
      const bool may_copy = copies_.size() > (tracker_.wants_copy_data() ? 1 : 0);
      const auto room = tracker_.room_for(is_request);
      if (room == reply_tracker::room::yes && !(is_request && may_copy)) return;
      if (room == reply_tracker::room::probe) probe(request::bind);
      server_.step();
      hear();
      compare();
    }
    REQUIRE(over_);
  }

  void probe_if_in_doubt() {
    if (tracker_.room_for(false) == reply_tracker::room::probe) probe(std::nullopt);
  }

  void probe(std::optional<request> instead_of) {
    tracker_.probe(instead_of);
    for (const auto kind : {request::sync, request::close, request::sync})
      server_.write({kind, action::swallow, 0, {}});
  }

  // As a client that knows the protocol: what it sends between a COPY and the end of its data is data, Flush and Sync.
  void speak() {
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
    const bool doubt = tracker_.in_doubt();
    const auto v = tracker_.received(reply->type, reply->body);
    CAPTURE(reply->type);
    REQUIRE(v != verdict::violation);
    if (tracker_.completed()) account(*tracker_.completed());
    for (const auto& o : tracker_.dropped())
      account(o);
    skips_ = skips_ || tracker_.skip_goes_on();
    if (reply->of && !doubt) {
      REQUIRE_EQ(v == verdict::swallow, reply->of->what == action::swallow);
      REQUIRE_EQ(tracker_.completed().has_value(), reply->completes);
      if (reply->completes) REQUIRE_EQ(tracker_.completed()->id, reply->of->id);
      if (!tracker_.dropped().empty()) REQUIRE_EQ(tracker_.dropped().front().id, reply->of->id);
    }
    if (reply->of && doubt && reply->type == '3') REQUIRE(v == verdict::swallow);
    take_synthesized();
    probe_if_in_doubt();
  }

  void take_synthesized() {
    while (const auto o = tracker_.take_synthesized())
      account(*o);
  }

  // Whatever becomes of requests, it becomes of them in their order.
  void account(const outcome& o) {
    if (o.id == 0) return;  // the probe's
    copies_.erase(o.id);
    REQUIRE_GT(o.id, accounted_);
    accounted_ = o.id;
  }

  void compare() {
    if (server_.dead()) over_ = true;
    if (over_) return;
    take_synthesized();
    if (tracker_.settled()) REQUIRE(server_.owes_nothing());
    if (tracker_.in_doubt()) return;
    if (server_.owes_nothing() && !tracker_.settled()) {
      // A Flush may be no good and make the server skip, so the tracker waits for a Sync: the safe way to be wrong.
      REQUIRE((flushed_ && tracker_.unsynced() && tracker_.owed() == 0));
    }
    if (tracker_.settled()) REQUIRE_EQ(tracker_.idle(), tracker_.status() == 'I');
    if (tracker_.settled()) REQUIRE_EQ(tracker_.status(), server_.status());
  }

  void hear_everything() {
    for (int i = 0; i < 1000 && !over_; ++i) {
      while (server_.step()) {
      }
      hear();
    }
    compare();
  }

  void bring_home() {
    hear_everything();
    if (tracker_.copy_in()) say(request::copy_fail);
    say(request::sync);
    hear_everything();
    if (over_) return;
    REQUIRE_FALSE(skips_);
    REQUIRE(tracker_.settled());
  }

  std::mt19937 random_;
  bool orderly_;
  server_model server_;
  reply_tracker tracker_;
  std::uint32_t id_ = 0;
  std::uint32_t accounted_ = 0;
  std::set<std::uint32_t> copies_;  // not answered yet
  bool skips_ = false;
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

TEST_CASE("reply_tracker: agrees with a model of the server on any client") {
  unsigned over = 0;
  constexpr unsigned runs = 20'000;
  for (unsigned seed = 0; seed < runs; ++seed) {
    CAPTURE(seed);
    conversation c(seed, false);
    c.run();
    REQUIRE_NE(c.settled(), c.over());
    over += c.over();
  }
  CHECK_LT(over, runs / 2);  // by a request in the middle of COPY data
}
