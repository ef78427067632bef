#include "routing/breaker.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <sstream>
#include <thread>
#include <vector>

#include "config/notation.hpp"

namespace forebay {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr auto start = steady::time_point(1h);

// A breaker that is told what happens in words, so that a test reads as a table:
//   "ok" "fail"       a request that is let through and ends so; "-" when it is not let through
//   "ask"             one that is let through and under way; "late ok", "late fail", "late none": the oldest of these
//   ends "5 fail"          five times "wait 10s"        time passes; "wait" alone: until it may be asked again
struct table {
  explicit table(config::breaker limits = {}, std::uint64_t seed = 1)
      : tested(limits, [this](const breaker::change& c) { changes.push_back(std::string(to_string(c.to))); }),
        random(seed) {}

  void one(const std::string& word) {
    if (word == "late ok" || word == "late fail" || word == "late none") {
      const auto p = under_way.at(0);
      under_way.pop_front();
      if (word == "late ok") tested.succeeded(p, now);
      if (word == "late fail") tested.failed(p, now, "reset", random);
      if (word == "late none") tested.gave_up(p);
      return;
    }
    const bool available = tested.is_available(now);
    const auto p = tested.ask(now);
    CHECK(p.has_value() == available);
    refused = !p;
    if (!p) return;
    if (word == "ask") under_way.push_back(*p);
    if (word == "ok") tested.succeeded(*p, now);
    if (word == "fail") tested.failed(*p, now, "refused", random);
  }

  // The state after each step, with "-" after it when a request was refused.
  std::string state_after(const std::string& step) {
    refused = false;
    std::istringstream words(step);
    std::string first, second;
    words >> first >> second;
    if (first == "wait") {
      now = second.empty() ? tested.look(now).until : now + config::parse_duration(second).value();
    } else if (std::isdigit(static_cast<unsigned char>(first[0]))) {
      for (int i = std::stoi(first); i > 0; --i)
        one(second);
    } else {
      one(step);
    }
    return std::string(to_string(tested.look(now).state)) + (refused ? " -" : "");
  }

  void play(const std::vector<std::pair<std::string, std::string>>& rows) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      CAPTURE(i);
      CAPTURE(rows[i].first);
      CHECK(state_after(rows[i].first) == rows[i].second);
    }
  }

  std::vector<std::string> changes;
  breaker tested;
  quick_random random;
  steady::time_point now = start;
  std::deque<breaker::permit> under_way;
  bool refused = false;
};

TEST_CASE("closed until so many failures in a row, then open") {
  table t;
  t.play({{"4 fail", "closed"}, {"ok", "closed"}, {"4 fail", "closed"}, {"fail", "open"}, {"ok", "open -"}});
  CHECK(t.changes == std::vector<std::string>{"open"});
  const auto s = t.tested.look(t.now);
  CHECK(s.reason == "5 failures in a row, the last: refused");
  CHECK(s.since == start);
  CHECK(s.n == 0);
  CHECK(s.opened == 1);
  CHECK(s.refused == 1);
  CHECK(s.requests == 10);
  CHECK(s.failures == 9);
}

TEST_CASE("a probe decides: success closes and forgets, failure opens for the next n") {
  table t;
  t.play({{"ok", "closed"},
          {"5 fail", "open"},
          {"wait 499ms", "open"},
          {"ask", "open -"},
          {"wait", "open"},
          {"fail", "open"},
          {"wait", "open"},
          {"fail", "open"},
          {"ask", "open -"}});
  CHECK(t.tested.look(t.now).n == 2);
  CHECK(t.tested.look(t.now).reason == "still failing when tried again: refused");
  t.play({{"wait", "open"}, {"ask", "half_open"}, {"ask", "half_open -"}, {"late ok", "closed"}});
  CHECK(t.tested.look(t.now).n == 0);
  CHECK(t.tested.look(t.now).requests == 0);
  CHECK(t.tested.look(t.now).failures_in_a_row == 0);
  CHECK(t.tested.look(t.now).opened == 3);
  t.play({{"4 fail", "closed"}, {"fail", "open"}});
  CHECK(t.tested.look(t.now).n == 0);
  CHECK(t.changes ==
        std::vector<std::string>{"open", "half_open", "open", "half_open", "open", "half_open", "closed", "open"});
}

TEST_CASE("by error rate, of 20 requests or more, within the window") {
  const config::breaker by_rate{.failure_threshold = 0};
  {
    table t(by_rate);
    t.play({{"9 fail", "closed"}, {"10 ok", "closed"}, {"fail", "open"}});
    CHECK(t.tested.look(t.now).reason == "10 of 20 requests failed within 10s, the last: refused");
  }
  {
    table t(by_rate);
    t.play({{"19 fail", "closed"}, {"fail", "open"}});
  }
  {
    table t(by_rate);
    t.play({{"100 ok", "closed"}, {"99 fail", "closed"}, {"fail", "open"}});
  }
  {
    table t(by_rate);  // what is older than the window does not count, neither good nor bad
    t.play({{"1000 ok", "closed"}, {"wait 10s", "closed"}, {"19 fail", "closed"}, {"fail", "open"}});
  }
  {
    table t(by_rate);
    t.play({{"19 fail", "closed"},
            {"wait 10s", "closed"},
            {"19 fail", "closed"},
            {"wait 9s", "closed"},
            {"fail", "open"}});
  }
  {
    table t({.failure_threshold = 0, .error_rate = 0.1});
    t.play({{"27 ok", "closed"}, {"2 fail", "closed"}, {"fail", "open"}});
  }
  {
    table t({.failure_threshold = 0, .error_rate = 0});
    t.play({{"1000 fail", "closed"}});
  }
  {
    table t({.failure_threshold = 0, .window = 1s});
    t.play({{"10 ok", "closed"},
            {"9 fail", "closed"},
            {"wait 1000ms", "closed"},
            {"fail", "closed"},
            {"18 fail", "closed"},
            {"fail", "open"}});
  }
}

TEST_CASE("what began before it opened neither closes it, nor keeps it open, nor counts later") {
  table t;
  t.play({{"10 ask", "closed"}, {"5 fail", "open"}});
  const auto until = t.tested.look(t.now).until;
  t.play({{"late fail", "open"}, {"late ok", "open"}, {"late none", "open"}});
  CHECK(t.tested.look(t.now).until == until);
  CHECK(t.tested.look(t.now).opened == 1);
  t.play({{"wait", "open"},
          {"ask", "half_open"},  // the eighth under way: the seven before are from before
          {"late fail", "half_open"},
          {"late ok", "half_open"},
          {"late none", "half_open"},
          {"ask", "half_open -"}});
  std::rotate(t.under_way.begin(), t.under_way.end() - 1, t.under_way.end());
  t.play(
      {{"late ok", "closed"}, {"4 fail", "closed"}, {"late fail", "closed"}, {"late ok", "closed"}, {"fail", "open"}});
}

TEST_CASE("so many probes at a time") {
  table t({.half_open_probes = 3});
  t.play({{"5 fail", "open"},
          {"wait", "open"},
          {"3 ask", "half_open"},
          {"ask", "half_open -"},
          {"late none", "half_open"},  // said nothing: its place is free
          {"ask", "half_open"},
          {"ask", "half_open -"},
          {"late fail", "open"},
          {"late ok", "open"},  // decided already
          {"late fail", "open"}});
  CHECK(t.tested.look(t.now).n == 1);
  t.play({{"wait", "open"}, {"2 ask", "half_open"}, {"late ok", "closed"}, {"late fail", "closed"}});
  CHECK(t.tested.look(t.now).failures_in_a_row == 0);
  t.play({{"5 fail", "open"},
          {"wait", "open"},
          {"3 ask", "half_open"},
          {"late fail", "open"},
          {"wait", "open"},
          {"3 ask", "half_open"},
          {"late none", "half_open"},  // of the round before
          {"ask", "half_open -"}});
}

TEST_CASE("a probe that is never heard of does not shut the node out for ever") {
  table t;
  t.play({{"5 fail", "open"},
          {"wait", "open"},
          {"ask", "half_open"},
          {"wait 29999ms", "half_open"},
          {"ask", "half_open -"},
          {"wait 1ms", "half_open"},
          {"ask", "half_open"},
          {"ask", "half_open -"},
          {"ok", "half_open -"},
          {"late fail", "open"}});
}

TEST_CASE("open for a random time between open_time / 2 and open_time * 2^n, at most max_open_time") {
  for (const auto longest : {30s, 5s}) {
    std::map<std::uint32_t, std::pair<milliseconds, milliseconds>> seen;  // by n, the shortest and the longest
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
      table t({.failure_threshold = 1, .max_open_time = longest}, seed);
      for (std::uint32_t n = 0; n < 8; ++n) {
        t.play({{"fail", "open"}});
        const auto s = t.tested.look(t.now);
        REQUIRE(s.n == n);
        const auto time = std::chrono::duration_cast<milliseconds>(s.until - t.now);
        auto& [least, most] = seen.try_emplace(n, time, time).first->second;
        least = std::min(least, time);
        most = std::max(most, time);
        t.play({{"wait", "open"}});
      }
    }
    for (const auto& each : seen) {
      const auto n = each.first;
      const auto& times = each.second;
      CAPTURE(n);
      const auto bound = std::min<milliseconds>(1000ms * (1 << n), longest);
      CHECK(times.first >= 500ms);
      CHECK(times.first < 500ms + bound / 20);
      CHECK(times.second <= bound);
      CHECK(times.second > bound - bound / 20);
    }
  }
  table never_more({.failure_threshold = 1, .open_time = 10s, .max_open_time = 1s});
  never_more.play({{"fail", "open"}});
  CHECK(never_more.tested.look(start).until == start + 1s);
}

TEST_CASE("the one who is refused is told why and for how long") {
  table t({.failure_threshold = 2, .open_time = 2s, .max_open_time = 2s});
  t.play({{"2 fail", "open"}});
  const auto until = t.tested.look(t.now).until;
  CHECK(t.tested.refusal(until - 1ms) == "not asked for another 1ms: 2 failures in a row, the last: refused");
  CHECK(t.tested.refusal(until - 900'001us) == "not asked for another 901ms: 2 failures in a row, the last: refused");
  CHECK(t.tested.refusal(until) == "being tried again: 2 failures in a row, the last: refused");
  t.play({{"wait", "open"}, {"ask", "half_open"}});
  CHECK(t.tested.refusal(until) == "being tried again: 2 failures in a row, the last: refused");
}

TEST_CASE("who listens is told of each change with all a log line needs") {
  std::vector<std::string> heard;
  breaker b({.failure_threshold = 1, .open_time = 2s, .max_open_time = 2s}, [&](const breaker::change& c) {
    CHECK((c.to == breaker::state::open) == (c.open_for >= 1s && c.open_for <= 2s));
    heard.push_back(std::string(to_string(c.from)) + " " + std::string(to_string(c.to)) + " " + std::to_string(c.n) +
                    " " + std::string(c.reason));
  });
  quick_random random(1);
  b.failed(b.ask(start).value(), start, "down", random);
  b.failed(b.ask(start + 2s).value(), start + 2s, "still down", random);
  b.succeeded(b.ask(start + 4s).value(), start + 4s);
  CHECK(heard == std::vector<std::string>{"closed open 0 1 failures in a row, the last: down",
                                          "open half_open 0 1 failures in a row, the last: down",
                                          "half_open open 1 still failing when tried again: still down",
                                          "open half_open 1 still failing when tried again: still down",
                                          "half_open closed 0 still failing when tried again: still down"});
  CHECK(b.look(start + 4s).since == start + 4s);
}

TEST_CASE("limits change while it works") {
  table t;
  t.play({{"4 fail", "closed"}});
  t.tested.set_limits({.failure_threshold = 6});
  t.play({{"fail", "closed"}, {"fail", "open"}});
  CHECK(t.tested.look(t.now).requests == 6);
  t.tested.set_limits({.failure_threshold = 6, .window = 1s});
  CHECK(t.tested.look(t.now).requests == 0);  // counted in other periods
  t.play({{"wait", "open"}, {"ok", "closed"}, {"wait 900ms", "closed"}, {"ok", "closed"}});
  CHECK(t.tested.look(t.now).requests == 1);
  CHECK(t.tested.look(t.now + 1s).requests == 0);
}

TEST_CASE("many threads: each change follows from the one before, never more probes out than there may be") {
  constexpr int most_probes = 2, rounds = 200;
  std::vector<breaker::change> changes;  // guarded by the breaker
  std::atomic<int> opened{0}, time{0}, too_many{0};
  std::vector<std::atomic<int>> out(1 << 16);  // probes by the mark of their permits
  breaker b({.open_time = 1ms, .max_open_time = 1h, .half_open_probes = most_probes}, [&](const breaker::change& c) {
    changes.push_back(c);
    if (c.to == breaker::state::open) ++opened;
  });
  const auto work = [&](std::uint64_t seed) {
    quick_random random(seed);
    while (opened < rounds) {
      const auto now = start + 100us * ++time;
      if (const auto seen = b.look(now); seen.requests < seen.failures) ++too_many;
      const auto p = b.ask(now);
      if (!p) continue;
      auto& siblings = out.at(p->mark);
      const bool is_probe = b.is_probe(*p);
      if (is_probe && ++siblings > most_probes) ++too_many;
      if (random.below(8) == 0) std::this_thread::yield();
      if (is_probe) --siblings;
      switch (random.below(3)) {
        case 0:
          b.succeeded(*p, now);
          break;
        case 1:
          b.failed(*p, now, "reset", random);
          break;
        default:
          b.gave_up(*p);
      }
    }
  };
  std::vector<std::thread> threads;
  for (std::uint64_t seed = 1; seed <= 4; ++seed)
    threads.emplace_back(work, seed);
  for (auto& each : threads)
    each.join();
  CHECK(too_many == 0);
  auto before = breaker::state::closed;
  for (const auto& each : changes) {
    using enum breaker::state;
    REQUIRE(each.from == before);
    REQUIRE((each.from == closed ? each.to == open : each.from == open ? each.to == half_open : each.to != half_open));
    before = each.to;
  }
  CHECK(std::ranges::count(changes, breaker::state::open, &breaker::change::to) == b.look(start).opened);
  CHECK(b.look(start).opened >= rounds);
}

}  // namespace
}  // namespace forebay
