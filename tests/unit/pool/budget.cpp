#include "tests/unit/pool/support.hpp"

namespace forebay {
namespace {

using namespace test;

std::shared_ptr<pool> pool_in(house& h, std::shared_ptr<budget> of, pool_limits limits = {.size = 10}) {
  h.pools.push_back(std::make_shared<pool>(pool::target{.node = h.at, .database = "app", .budgets = {std::move(of)}},
                                           server_login{"u", "p"}, limits, h.workers.size(), h.workers[0],
                                           h.servers.opener()));
  return h.pools.back();
}

TEST_CASE("a budget over several pools: never more, an idle connection of another pool makes room") {
  house h(true);
  const auto of_user = std::make_shared<budget>(2);
  auto a = pool_in(h, of_user);
  auto b = pool_in(h, of_user);
  auto first = h.take(*a, 0);
  auto second = h.take(*a, 1);
  auto who = h.queue(*b, 2);
  CHECK(of_user->open() == 2);
  h.give(std::move(first));  // nobody waits in its own pool: it goes for the other's sake
  auto third = who->server();
  CHECK(&third->home() == b.get());
  CHECK(of_user->open() == 2);
  h.give(std::move(second));
  h.give(std::move(third));
  auto back = h.take(*a, 3);  // its own idle one
  auto more = h.take(*a, 3);  // for which the idle one of `b` is closed
  CHECK(house::left(*b, 0));
  CHECK(of_user->open() == 2);
  CHECK(h.at->connections.open() == 2);
  h.give(std::move(back));
  h.give(std::move(more));
}

TEST_CASE("a budget is served over its pools in the order of asking") {
  house h(true, 1);
  auto a = h.make({.size = 5});
  auto b = h.make({.size = 5});
  auto server = h.take(*a, 0);
  auto first = h.queue(*b, 1);
  REQUIRE(eventually([&] { return house::now(*b).max_wait > milliseconds(60); }));
  auto second = h.queue(*a, 2);
  h.give(std::move(server));  // not to `second`, of the same pool, who came later
  server = first->server();
  CHECK_FALSE(second->served());
  h.give(std::move(server));
  h.give(second->server());
}

TEST_CASE("no room in one budget gives back what was taken of the others") {
  house h(false, 5);
  const auto of_user = std::make_shared<budget>(1);
  auto p = pool_in(h, of_user);
  auto a = h.queue(*p, 0);
  auto b = h.queue(*p, 0);
  CHECK(h.servers.opening() == 1);
  CHECK(h.at->connections.open() == 1);
  h.servers.open_next();
  h.drop(a->server());
  REQUIRE(eventually([&] { return h.servers.opening() == 1; }));
  h.servers.fail_next("down");
  CHECK(b->result().error);
  CHECK(h.at->connections.open() == 0);
  CHECK(of_user->open() == 0);
}

TEST_CASE("a limit that was raised serves those it had refused") {
  house h(true, 1);
  auto p = h.make({.size = 5});
  auto a = h.take(*p, 0);
  auto who = h.queue(*p, 0);
  h.at->connections.set_limit(2);
  p->maintain(steady::now());
  h.give(who->server());
  h.give(std::move(a));
}

TEST_CASE("high goes before normal before low, but nobody is overtaken for more than a second a class") {
  house h(true);
  auto p = h.make({.size = 1});
  auto server = h.take(*p, 0);
  std::vector<customer_ptr> all;
  using enum config::user_priority;
  for (const auto priority : {low, normal, high, normal, high}) {
    all.push_back(std::make_shared<customer>());
    all.back()->priority = priority;
    REQUIRE_FALSE(h.ask(*p, 0, all.back()));
  }
  for (const auto i : {2, 4, 1, 3, 0}) {
    h.give(std::move(server));
    server = all[static_cast<std::size_t>(i)]->server();
  }
  auto patient = std::make_shared<customer>();
  patient->priority = normal;
  REQUIRE_FALSE(h.ask(*p, 0, patient));
  REQUIRE(eventually([&] { return house::now(*p).max_wait > milliseconds(1050); }));
  auto late = std::make_shared<customer>();
  late->priority = high;
  REQUIRE_FALSE(h.ask(*p, 0, late));
  h.give(std::move(server));
  server = patient->server();
  h.give(std::move(server));
  h.give(late->server());
}

TEST_CASE("the reserve: only when the first has waited long enough, and gone again when nobody waits") {
  house h(true);
  auto p = h.make({.size = 1, .reserve_size = 1, .reserve_timeout = milliseconds(30)});
  auto server = h.take(*p, 0);
  auto who = h.queue(*p, 0);
  p->maintain(steady::now());
  CHECK(house::now(*p).open == 1);
  REQUIRE(eventually([&] {
    p->maintain(steady::now());
    return who->served();
  }));
  CHECK(house::now(*p).open == 2);
  h.give(who->server());
  CHECK(house::left(*p, 1));
  h.give(std::move(server));
}

}  // namespace
}  // namespace forebay
