#include "routing/router.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <set>

namespace forebay {
namespace {

using namespace std::chrono_literals;
using role = enum node_view::role;
using kind = route_wish::kind;

const steady::time_point now{1000s};

// A primary (node 0) and two replicas that have all it has written.
struct house {
  house() {
    view.primary = 0;
    for (const auto is : {role::primary, role::replica, role::replica}) {
      node_view n;
      n.name = "n" + std::to_string(view.nodes.size());
      n.role = is;
      n.heard = n.up = true;
      n.position = {100};
      n.replay_lag = 0ms;
      n.lag_bytes = 0;
      n.state = std::make_shared<node_state>(config::breaker{});
      view.nodes.push_back(n);
    }
  }

  std::string choose(const route_wish& wish) {
    router r(how);
    const auto choice = r.choose(std::make_shared<const cluster_view>(view), wish, {}, now, random);
    const auto where = choice.node ? view.nodes[*choice.node].name : std::string(choice.may_wait ? "waits" : "fails");
    return *choice.reason == '\0' ? where : where + ": " + choice.reason;
  }
  std::string read() { return choose({.what = kind::read}); }
  bool is_on_replica(const route_wish& wish) {
    const auto chosen = choose(wish);
    return chosen == "n1" || chosen == "n2";
  }

  cluster_view view;
  config::routing how;
  quick_random random{1};
};

TEST_CASE("reads go to a replica, the rest to the primary") {
  house h;
  CHECK(h.choose({.what = kind::primary}) == "n0");
  CHECK(h.choose({.what = kind::any}) == "n0");
  CHECK(h.is_on_replica({.what = kind::read}));
}

TEST_CASE("each in turn") {
  house h;
  router r(h.how);
  const auto view = std::make_shared<const cluster_view>(h.view);
  int seen[3] = {};
  for (int i = 0; i < 10; ++i)
    ++seen[*r.choose(view, {.what = kind::read}, {}, now, h.random).node];
  CHECK(seen[0] == 0);
  CHECK(seen[1] == 5);
  CHECK(seen[2] == 5);
}

TEST_CASE("a replica that is not fit gets nothing; when none is, the primary, and why") {
  struct {
    const char* reason;
    void (*spoil)(house&, node_view&);
  } const cases[] = {
      {"no replica is up", [](house&, node_view& n) { n.up = false; }},
      {"the replicas are drained", [](house&, node_view& n) { n.draining = true; }},
      {"there is no replica", [](house&, node_view& n) { n.role = role::unknown; }},
      {"it is not known how far the replicas are", [](house&, node_view& n) { n.replay_lag.reset(); }},
      {"the replicas lag", [](house&, node_view& n) { n.replay_lag = 11s; }},
      {"the replicas lag",
       [](house& h, node_view& n) {
         h.how.max_lag_bytes = {10};
         n.lag_bytes = 11;
       }},
      {"the replicas lag",
       [](house& h, node_view& n) {
         h.how.max_lag_bytes = {10};
         n.lag_bytes.reset();
       }},
      {"the replicas' breakers are open",
       [](house& h, node_view& n) {
         for (int i = 0; i < 5; ++i)
           n.state->reads.failed(*n.state->reads.ask(now), now, "broken", h.random);
       }},
  };
  for (const auto& c : cases) {
    CAPTURE(c.reason);
    house h;
    c.spoil(h, h.view.nodes[1]);
    CHECK(h.read() == "n2");
    c.spoil(h, h.view.nodes[2]);
    CHECK(h.read() == std::string("n0: ") + c.reason);
    h.how.fallback_to_primary = false;
    CHECK(h.read() == std::string("fails: ") + c.reason);
    h.how.fallback_to_primary = true;
    h.view.primary.reset();
    CHECK(h.read() == std::string("waits: ") + c.reason);
  }
}

TEST_CASE("what is newly known of the nodes counts") {
  house h;
  router r(h.how);
  const auto known = [&] { return std::make_shared<const cluster_view>(h.view); };
  const auto all_of = [&](const cluster_view_ptr& view) {
    std::set<std::size_t> seen;
    for (int i = 0; i < 10; ++i)
      seen.insert(r.choose(view, {.what = kind::read}, {}, now, h.random).node.value());
    return seen;
  };
  const auto before = known();
  CHECK(all_of(before) == std::set<std::size_t>{1, 2});
  h.view.nodes[1].up = false;
  CHECK(all_of(known()) == std::set<std::size_t>{2});
  h.view.nodes[1].up = true;
  h.view.nodes[2].priority = 1;
  CHECK(all_of(known()) == std::set<std::size_t>{1});
  h.view.nodes.pop_back();
  h.view.nodes[1].position = {99};
  CHECK(r.choose(known(), {.what = kind::read, .needed = {100}}, {}, now, h.random).node == 0);
  CHECK(all_of(before) == std::set<std::size_t>{1, 2});
}

TEST_CASE("limits of lag: none") {
  house h;
  h.how.max_replay_lag = 0s;
  for (auto& n : h.view.nodes)
    n.replay_lag = 1h;
  CHECK(h.is_on_replica({.what = kind::read}));
}

TEST_CASE("own writes are seen") {
  house h;
  h.view.nodes[1].position = {99};
  CHECK(h.choose({.what = kind::read, .needed = {100}}) == "n2");
  CHECK(h.choose({.what = kind::read, .needed = {101}}) == "n0: own write not replayed yet");
  CHECK(h.choose({.what = kind::read, .own_write_open = true}) == "n0: own write not replayed yet");
  // Nobody means by that that each read behind a write fails.
  h.how.fallback_to_primary = false;
  CHECK(h.choose({.what = kind::read, .needed = {101}}) == "n0: own write not replayed yet");
  h.how.read_your_writes = config::read_your_writes::off;
  CHECK(h.is_on_replica({.what = kind::read, .needed = {101}}));
  CHECK(h.is_on_replica({.what = kind::read, .own_write_open = true}));
}

TEST_CASE("nodes that have failed the request are not asked again") {
  house h;
  CHECK(h.choose({.what = kind::read, .avoid = 2}) == "n2");
  CHECK(h.choose({.what = kind::read, .avoid = 6}) == "n0: the replicas have failed");
  CHECK(h.choose({.what = kind::primary, .avoid = 1}) == "waits: there is no primary");
}

TEST_CASE("without a primary: what any node answers goes to a replica, what writes waits") {
  house h;
  h.view.primary.reset();
  CHECK(h.is_on_replica({.what = kind::any}));
  CHECK(h.choose({.what = kind::primary}) == "waits: there is no primary");
  CHECK(h.is_on_replica({.what = kind::read}));
}

TEST_CASE("a drained primary gets nothing new") {
  house h;
  h.view.nodes[0].draining = true;
  CHECK(h.choose({.what = kind::primary}) == "waits: there is no primary");
}

}  // namespace
}  // namespace forebay
