#include "tests/unit/pool/support.hpp"

namespace forebay {
namespace {

using namespace test;

TEST_CASE("the first who asks gets a new connection, the next gets the same one again") {
  house h(true);
  auto p = h.make({.size = 2});
  auto a = h.take(*p, 1);
  CHECK(&a->at() == &h.workers[1]);
  CHECK(house::now(*p).open == 1);
  CHECK(house::now(*p).idle == 0);
  h.give(std::move(a));
  CHECK(house::now(*p).idle == 1);
  auto b = h.ask(*p, 1);
  REQUIRE(b);
  CHECK(b->backend_pid == 1);
  h.give(std::move(b));
  CHECK(h.servers.asked() == 1);
}

TEST_CASE("never more than its size; whoever comes then waits") {
  house h(false);
  auto p = h.make({.size = 2});
  std::vector<customer_ptr> all;
  for (std::size_t i = 0; i < 5; ++i)
    all.push_back(h.queue(*p, i % 4));
  CHECK(h.servers.opening() == 2);
  CHECK(house::now(*p).open == 2);
  CHECK(house::now(*p).opening == 2);
  CHECK(house::now(*p).waiting == 5);
  h.servers.open_next();
  h.servers.open_next();
  auto a = all[0]->server();
  auto b = all[1]->server();
  h.give(std::move(a));
  h.drop(std::move(b));  // its place is free once the server has ended it: another is opened for who waits
  CHECK(eventually([&] { return h.servers.opening() == 1; }));
  CHECK(house::now(*p).open == 2);
  auto c = all[2]->server();
  h.servers.open_next();
  auto d = all[3]->server();
  CHECK_FALSE(all[4]->served());
  h.give(std::move(c));
  h.give(all[4]->server());
  h.give(std::move(d));
  CHECK(house::now(*p).idle == 2);
  CHECK(h.servers.asked() == 3);
}

TEST_CASE("waiters are served first come, first served, on their own workers") {
  house h(true);
  auto p = h.make({.size = 1});
  auto server = h.take(*p, 0);
  std::vector<customer_ptr> all;
  for (std::size_t i = 0; i < 12; ++i)
    all.push_back(h.queue(*p, (i * 3) % 4));
  for (std::size_t i = 0; i < 12; ++i) {
    h.give(std::move(server));
    server = all[i]->server();
    CHECK(server->at().index() == (i * 3) % 4);
    if (i + 1 < 12) CHECK_FALSE(all[i + 1]->served());
  }
  h.give(std::move(server));
}

TEST_CASE("nobody overtakes: an idle-looking moment belongs to who waits") {
  house h(false);
  auto p = h.make({.size = 1});
  auto first = h.queue(*p, 0);
  h.servers.open_next();
  auto server = first->server();
  auto second = h.queue(*p, 1);
  h.give(std::move(server));
  auto third = h.queue(*p, 0);  // not served although it asks right after the checkin
  h.give(second->server());
  h.give(third->server());
}

TEST_CASE("the worker's own connections, last used first; else a sibling's, least recently used first") {
  house h(true);
  auto p = h.make({.size = 3});
  std::vector<server_ptr> three;
  for (int i = 0; i < 3; ++i)
    three.push_back(h.take(*p, 1));
  const auto oldest = three[0]->backend_pid;
  const auto newest = three[2]->backend_pid;
  for (auto& s : three)
    h.give(std::move(s));
  auto own = h.ask(*p, 1);
  REQUIRE(own);
  CHECK(own->backend_pid == newest);
  auto taken = h.ask(*p, 3);
  REQUIRE(taken);
  CHECK(taken->backend_pid == oldest);
  CHECK(taken->at().index() == 3);
  // It works where it is now.
  h.servers.end(oldest)->send("hi");
  std::promise<std::string> got;
  h.workers[3].post([&, &s = taken] {
    s->io.wait_once(readiness::readable, [&](error_code) { got.set_value(std::string(s->io.read().data)); });
  });
  CHECK(got.get_future().get() == "hi");
  h.give(std::move(own));
  h.give(std::move(taken));
}

TEST_CASE("cancel: out of the queue, and never granted") {
  house h(true);
  auto p = h.make({.size = 1});
  auto server = h.take(*p, 0);
  auto a = h.queue(*p, 0);
  auto b = h.queue(*p, 1);
  CHECK(p->cancel(*a));
  CHECK_FALSE(p->cancel(*a));
  CHECK(a.use_count() == 1);  // the pool does not hold it any more
  h.give(std::move(server));
  server = b->server();
  CHECK_FALSE(p->cancel(*b));
  CHECK(house::now(*p).waiting == 0);
  h.give(std::move(server));
  CHECK(a->times() == 0);
  CHECK(b->times() == 1);
}

TEST_CASE("cancel races with the grant: exactly one of them wins") {
  house h(true);
  auto p = h.make({.size = 1});
  int granted = 0;
  for (int i = 0; i < 2000; ++i) {
    auto server = h.take(*p, 0);
    auto who = h.queue(*p, 1);
    std::atomic<bool> go{false};
    bool cancelled = false;
    std::thread other([&] {
      while (!go) {
      }
      cancelled = p->cancel(*who);
    });
    go = true;
    h.give(std::move(server));
    other.join();
    if (cancelled) {
      CHECK(h.workers.on(1, [&] { return who->times(); }) == 0);
    } else {
      h.give(who->server());
      ++granted;
    }
  }
  MESSAGE(granted << " of 2000 were granted");
  CHECK(house::now(*p).open == 1);
  CHECK(house::now(*p).idle == 1);
}

TEST_CASE("a failed login tells all who wait at once, with the reason") {
  house h(false);
  auto p = h.make({.size = 3});
  std::vector<customer_ptr> all;
  for (std::size_t i = 0; i < 6; ++i)
    all.push_back(h.queue(*p, i % 4));
  CHECK(h.servers.opening() == 3);
  h.servers.fail_next("one");
  h.servers.fail_next("two");
  CHECK_FALSE(all[0]->served());  // the third login may still save them
  h.servers.fail_next("connection refused");
  for (auto& who : all) {
    const auto r = who->result();
    CHECK_FALSE(r.server);
    REQUIRE(r.error);
    CHECK(r.error->message == "connection refused");
    CHECK(r.error->sqlstate == "08006");
  }
  CHECK(house::now(*p).open == 0);
  CHECK(house::now(*p).waiting == 0);
  CHECK(h.at->connections.open() == 0);
}

TEST_CASE("after a failure whoever asks has an attempt of his own at once") {
  house h(false);
  auto p = h.make({.size = 3});
  auto a = h.queue(*p, 0);
  h.servers.fail_next("down");
  CHECK(a->result().error);
  auto b = h.queue(*p, 0);
  CHECK(h.servers.opening() == 1);
  h.servers.open_next();
  h.give(b->server());
}

TEST_CASE("a failed login does not hurt who can hope for another connection") {
  house h(false);
  auto p = h.make({.size = 2});
  auto a = h.queue(*p, 0);
  auto b = h.queue(*p, 1);
  h.servers.open_next();
  auto server = a->server();
  h.servers.fail_next("too many");
  CHECK_FALSE(b->served());
  p->maintain(steady::now());  // too early for another attempt
  CHECK(h.servers.opening() == 0);
  h.give(std::move(server));
  h.give(b->server());
}

TEST_CASE("when the last connection goes too, the waiters behind a failed login get an attempt") {
  house h(false);
  auto p = h.make({.size = 2});
  auto a = h.queue(*p, 0);
  auto b = h.queue(*p, 1);
  h.servers.open_next();
  auto server = a->server();
  h.servers.fail_next("down");
  h.drop(std::move(server));
  REQUIRE(eventually([&] { return h.servers.opening() == 1; }));
  h.servers.fail_next("still down");
  CHECK(b->result().error->message == "still down");
}

TEST_CASE("a starting server: waiters wait on, and it is asked again a little later") {
  house h(false);
  auto p = h.make({.size = 1});
  auto a = h.queue(*p, 0);
  h.servers.fail_next("the database system is starting up", true);
  auto b = h.queue(*p, 1);
  CHECK(h.servers.opening() == 0);
  p->maintain(steady::now());
  CHECK(h.servers.opening() == 0);
  CHECK(house::now(*p).waiting == 2);
  std::this_thread::sleep_for(milliseconds(210));
  p->maintain(steady::now());
  CHECK(h.servers.opening() == 1);
  h.servers.open_next();
  h.give(a->server());
  h.give(b->server());
}

TEST_CASE("fail_waiters tells them and leaves connections alone") {
  house h(true);
  auto p = h.make({.size = 1});
  auto server = h.take(*p, 0);
  auto a = h.queue(*p, 2);
  p->fail_waiters(wire::pg_error::fatal("57P01", "shutting down"));
  CHECK(a->result().error->sqlstate == "57P01");
  h.give(std::move(server));
  CHECK(house::now(*p).idle == 1);
}

TEST_CASE("a connection that died while idle is never handed out") {
  house h(true);
  auto p = h.make({.size = 2});
  auto a = h.take(*p, 0);
  auto b = h.take(*p, 0);
  const auto left = a->backend_pid;
  const auto dead = b->backend_pid;
  h.give(std::move(a));
  h.give(std::move(b));
  h.servers.end(dead)->close();
  auto got = h.ask(*p, 0);
  REQUIRE(got);
  CHECK(got->backend_pid == left);
  CHECK(house::left(*p, 1));
  h.servers.end(left)->close();
  h.give(std::move(got));
  auto fresh = h.take(*p, 3);  // taken over, found dead, replaced
  CHECK(fresh->backend_pid == 3);
  CHECK(house::now(*p).open == 1);
  h.give(std::move(fresh));
}

TEST_CASE("a last word while idle: not handed out; a changed setting or a notice: handed out, and taken in") {
  house h(true);
  auto p = h.make({.size = 1});
  auto a = h.take(*p, 0);
  h.give(std::move(a));
  h.servers.end(1)->send(wire::encode(wire::pg_error::fatal("57P01", "terminating connection")));
  auto b = h.take(*p, 0);
  CHECK(b->backend_pid == 2);
  h.give(std::move(b));
  const std::string news("S\0\0\0\x11TimeZone\0CET\0N\0\0\0\5\0", 24);
  h.servers.end(2)->send(news);
  auto c = h.ask(*p, 0);
  REQUIRE(c);
  CHECK(c->backend_pid == 2);
  REQUIRE(c->state.current->find("timezone"));
  CHECK(c->state.current->find("timezone")->value == "CET");
  CHECK(c->state.initial->find("timezone")->value == "CET");
  h.give(std::move(c));
  h.servers.end(2)->send(news.substr(0, 9));  // half a message
  CHECK(h.take(*p, 0)->backend_pid == 3);
}

TEST_CASE("broken connections are closed, not kept") {
  house h(true);
  auto p = h.make({.size = 1});
  auto a = h.take(*p, 0);
  a->state.broken = true;
  h.give(std::move(a));
  CHECK(house::left(*p, 0));
  CHECK(h.servers.end(1)->receive(100).empty());  // without a farewell
}

TEST_CASE("a closed connection says Terminate") {
  house h(true);
  auto p = h.make({.size = 1});
  h.drop(h.take(*p, 0));
  CHECK(h.servers.end(1)->receive(100) == std::string("X\0\0\0\4", 5));
}

TEST_CASE("lifetime: too old at checkin, too old when idle") {
  house h(true);
  auto p = h.make({.size = 2, .server_lifetime = seconds(60), .server_idle_timeout = milliseconds(0)});
  auto a = h.take(*p, 0);
  auto b = h.take(*p, 1);
  a->connected_at -= seconds(61);
  h.give(std::move(a));
  CHECK(house::left(*p, 1));
  h.give(std::move(b));
  p->maintain(steady::now() + seconds(59));
  CHECK(house::left(*p, 1));
  p->maintain(steady::now() + seconds(61));
  CHECK(house::left(*p, 0));
}

TEST_CASE("lifetime and idle time-out of zero: never") {
  house h(true);
  auto p = h.make({.size = 1, .server_lifetime = milliseconds(0), .server_idle_timeout = milliseconds(0)});
  h.give(h.take(*p, 0));
  p->maintain(steady::now() + std::chrono::hours(1000));
  CHECK(house::now(*p).idle == 1);
}

TEST_CASE("idle time-out: those unused for long go, but for min_size") {
  house h(true);
  auto p = h.make({.size = 4, .min_size = 1, .server_lifetime = milliseconds(0), .server_idle_timeout = seconds(10)});
  std::vector<server_ptr> four;
  for (std::size_t i = 0; i < 4; ++i)
    four.push_back(h.take(*p, i));
  for (auto& s : four)
    h.give(std::move(s));
  p->maintain(steady::now() + seconds(9));
  CHECK(house::now(*p).idle == 4);
  p->maintain(steady::now() + seconds(11));
  CHECK(house::now(*p).idle == 1);
  p->maintain(steady::now() + seconds(100));
  CHECK(house::now(*p).idle == 1);
}

TEST_CASE("min_size is kept, never beyond size, and not while the server is down") {
  house h(false);
  auto p = h.make({.size = 2, .min_size = 3});
  p->maintain(steady::now());
  CHECK(h.servers.opening() == 2);
  h.servers.open_next();
  h.servers.fail_next("down");
  p->maintain(steady::now());
  CHECK(h.servers.opening() == 0);
  p->maintain(steady::now() + milliseconds(500));
  CHECK(h.servers.opening() == 1);
  h.servers.open_next();
  CHECK(house::now(*p).idle == 2);
}

TEST_CASE("pause: nothing is handed out, connections close as they come back; resume serves who waited") {
  house h(true);
  auto p = h.make({.size = 2, .min_size = 1});
  auto a = h.take(*p, 0);
  h.give(h.take(*p, 1));
  p->pause();
  CHECK(p->paused());
  CHECK(house::left(*p, 1));  // the idle one went
  auto who = h.queue(*p, 2);
  h.give(std::move(a));
  CHECK(house::left(*p, 0));
  const auto asked = h.servers.asked();
  p->maintain(steady::now());
  CHECK(h.servers.asked() == asked);
  CHECK(house::left(*p, 0));
  CHECK_FALSE(who->served());
  p->resume();
  h.give(who->server());
  CHECK(house::now(*p).idle == 1);
}

TEST_CASE("retire: connections close as they come back") {
  house h(true);
  auto p = h.make({.size = 2, .min_size = 2});
  auto a = h.take(*p, 0);
  h.give(h.take(*p, 1));
  p->retire();
  CHECK(p->retired());
  CHECK(house::now(*p).idle == 0);
  h.give(std::move(a));
  CHECK(house::left(*p, 0));
  const auto asked = h.servers.asked();
  p->maintain(steady::now());
  CHECK(h.servers.asked() == asked);
}

TEST_CASE("retire: whoever waits or asks is told at once, and no login is tried for them") {
  house h(false);
  auto p = h.make({.size = 2});
  auto early = h.queue(*p, 0);
  h.servers.open_next();
  auto a = early->server();
  p->pause();
  auto waiting = h.queue(*p, 1);
  p->resume();
  CHECK(h.servers.opening() == 1);
  p->retire();
  CHECK(waiting->result().error->sqlstate == "57P01");
  auto late = h.queue(*p, 2);
  CHECK(late->result().error->sqlstate == "57P01");
  CHECK_FALSE(p->cancel(*late));
  h.servers.open_next();  // was under way
  CHECK(eventually([&] { return house::now(*p).open == 1; }));
  h.give(std::move(a));
  p->maintain(steady::now() + seconds(1));
  CHECK(eventually([&] { return house::now(*p).open == 0; }));
  CHECK(h.servers.asked() == 2);
}

TEST_CASE("as many logins as wait for one, no more") {
  house h(false);
  auto p = h.make({.size = 5});
  auto a = h.queue(*p, 0);
  auto b = h.queue(*p, 1);
  CHECK(h.servers.opening() == 2);
  CHECK(p->cancel(*a));
  auto c = h.queue(*p, 2);
  CHECK(h.servers.opening() == 2);
  CHECK(p->cancel(*b));
  CHECK(p->cancel(*c));
  auto d = h.queue(*p, 3);
  CHECK(h.servers.opening() == 2);
  h.servers.open_next();
  h.servers.open_next();
  h.give(d->server());
  CHECK(house::now(*p).idle == 2);
}

TEST_CASE("a login that succeeds ends the pause after one that failed") {
  house h(false);
  auto p = h.make({.size = 3});
  auto a = h.queue(*p, 0);
  auto b = h.queue(*p, 1);
  h.servers.fail_next("now and then");
  CHECK(h.servers.opening() == 1);  // the pause
  h.servers.open_next();
  auto server = a->server();
  auto c = h.queue(*p, 2);
  CHECK(h.servers.opening() == 2);
  h.give(std::move(server));
  h.give(b->server());
  h.servers.open_next();
  h.servers.open_next();
  h.give(c->server());
}

TEST_CASE("a connection that is doubtful is closed instead of reused") {
  house h(true);
  auto p = h.make({.size = 2});
  auto a = h.take(*p, 0);
  a->state.doubtful = true;
  h.give(std::move(a));
  CHECK(house::now(*p).idle == 0);
}

TEST_CASE(
    "configure: a smaller size closes idle ones at once and others as they come back; a larger one serves waiters") {
  house h(true);
  auto p = h.make({.size = 3});
  auto a = h.take(*p, 0);
  auto b = h.take(*p, 0);
  h.give(h.take(*p, 0));
  p->configure({.size = 1}, {"u", "p"});
  CHECK(house::left(*p, 2));
  h.give(std::move(a));
  CHECK(house::left(*p, 1));
  auto who = h.queue(*p, 0);
  p->configure({.size = 2}, {"u", "new"});
  h.give(who->server());
  h.give(std::move(b));
  CHECK(p->login().password.text == "new");
  CHECK(house::now(*p).open == 2);
}

TEST_CASE("greetings: kept per startup settings, forgotten when the server's own settings change") {
  house h(true);
  auto p = h.make({.size = 1});
  CHECK(p->greeting("") == nullptr);
  h.give(h.take(*p, 0));
  CHECK(p->greeting("") == parameter_set::empty());
  p->remember_greeting("x", parameter_set::intern({{"x", "1"}}));
  CHECK(p->greeting("x")->find("x"));
  for (int i = 0; i < 1000; ++i)
    p->remember_greeting("k" + std::to_string(i), parameter_set::empty());
  CHECK(p->greeting("k999"));
}

TEST_CASE("replication connections serve one client") {
  house h(true);
  auto p = std::make_shared<pool>(pool::target{.node = h.at, .database = "app", .replication = "database"},
                                  server_login{"u", ""}, pool_limits{.size = 2}, h.workers.size(), h.workers[0],
                                  h.servers.opener());
  auto a = h.take(*p, 0);
  CHECK(p->startup_parameters().back() == std::pair<std::string, std::string>("replication", "database"));
  h.give(std::move(a));
  CHECK(house::left(*p, 0));
}

TEST_CASE("max_wait is that of the first in the queue") {
  house h(true);
  auto p = h.make({.size = 1});
  auto a = h.take(*p, 0);
  auto who = h.queue(*p, 0);
  CHECK(p->state(steady::now() + seconds(3)).max_wait >= seconds(3));
  h.give(std::move(a));
  h.give(who->server());
  CHECK(p->state(steady::now() + seconds(3)).max_wait.count() == 0);
}

}  // namespace
}  // namespace forebay
