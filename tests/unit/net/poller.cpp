#include "net/poller.hpp"

#include <thread>

#include "tests/unit/net/support.hpp"

namespace forebay {
namespace {

// One end of a socket pair in a poller, and what it was told.
struct end {
  explicit end(poller& p) : of(&p) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    here = ends[0];
    there = test::fd(ends[1]);
  }
  ~end() { close(); }
  void close() {
    if (here < 0) return;
    of->forget(here, stay);
    ::close(here);
    here = -1;
    stay = 0;
  }
  void wait(readiness what) { of->wait(here, stay, what, &tell, this); }
  void stop() { of->stop_waiting(here, stay); }
  bool watched() const { return of->watches(here, stay); }
  static void tell(void* self, readiness what) {
    auto& e = *static_cast<end*>(self);
    e.told += what == readiness::readable   ? 'r'
              : what == readiness::writable ? 'w'
              : what == readiness::none     ? 'c'
                                            : 'a';
    if (e.then) e.then();
  }

  poller* of;
  int here = -1;
  test::fd there;
  poller::ticket stay = 0;
  std::string told;
  std::function<void()> then;
};

TEST_CASE("told for as long as it is ready and waited for") {
  poller p;
  end e(p);
  e.wait(readiness::readable);
  CHECK_FALSE(p.run_once(0));
  CHECK(e.told.empty());
  e.there.send("x");
  p.run_once(-1);
  p.run_once(-1);
  CHECK(e.told == "rr");
  e.stop();
  p.run_once(0);
  CHECK(e.told == "rr");
  e.wait(readiness::readable);
  p.run_once(-1);
  CHECK(e.told == "rrr");
}

TEST_CASE("a socket that nobody waits for stays in epoll until something comes") {
  poller p;
  end e(p);
  e.wait(readiness::readable);
  e.stop();
  p.run_once(0);
  CHECK(e.watched());
  e.there.send("x");
  p.run_once(0);
  CHECK_FALSE(e.watched());
  CHECK(e.told.empty());
  p.run_once(10);  // it would come back at once if it were still there
  e.wait(readiness::readable);
  CHECK(e.watched());
  p.run_once(-1);
  CHECK(e.told == "r");
}

TEST_CASE("the end of the other side is something, whatever is waited for") {
  poller p;
  end reading(p), writing(p), neither(p);
  reading.wait(readiness::readable);
  writing.wait(readiness::writable);
  neither.wait(readiness::readable);
  neither.stop();
  for (auto* e : {&reading, &writing, &neither})
    e->there.close();
  p.run_once(-1);
  CHECK(reading.told == "r");
  CHECK(writing.told == "w");
  CHECK(neither.told.empty());
  CHECK_FALSE(neither.watched());
}

TEST_CASE("writing is told of before reading, and each only when waited for") {
  poller p;
  end e(p);
  e.there.send("x");
  e.wait(readiness::readable | readiness::writable);
  p.run_once(-1);
  CHECK(e.told == "wr");
  e.wait(readiness::writable);
  p.run_once(-1);
  CHECK(e.told == "wrw");
  e.wait(readiness::readable);
  p.run_once(-1);
  CHECK(e.told == "wrwr");
  SUBCASE("a handler that has enough is not told the second thing") {
    e.then = [&] { e.stop(); };
    e.wait(readiness::readable | readiness::writable);
    p.run_once(-1);
    CHECK(e.told == "wrwrw");
  }
}

TEST_CASE("what an earlier handler of the same batch closed or stopped is not told") {
  poller p;
  end a(p), b(p), c(p);
  for (auto* e : {&a, &b, &c}) {
    e->wait(readiness::readable);
    e->there.send("x");
  }
  int told = 0;
  std::vector<end*> others{&a, &b, &c};
  for (auto* e : others) {
    e->then = [&, e] {
      ++told;
      for (auto* other : others) {
        if (other != e) told % 2 ? other->close() : other->stop();
      }
    };
  }
  p.run_once(-1);
  CHECK(told == 1);
}

TEST_CASE("what came to an idle socket shows before anybody in the same batch is told") {
  poller p;
  end first(p), idle(p), last(p);
  bool seen = false;
  for (auto* e : {&first, &idle, &last}) {
    e->wait(readiness::readable);
    e->there.send("x");
    e->then = [&] { seen = seen || idle.watched(); };
  }
  idle.stop();
  p.run_once(-1);
  CHECK(first.told + last.told == "rr");
  CHECK_FALSE(seen);
}

TEST_CASE("an event of a closed socket is not taken for one of the next with its number") {
  poller p;
  end first(p), second(p);
  first.wait(readiness::readable);
  second.wait(readiness::readable);
  first.there.send("x");
  second.there.send("x");
  std::vector<std::unique_ptr<end>> next;
  const auto replace = [&](end& other) {
    const int number = other.here;
    if (number < 0 || !next.empty()) return;
    other.close();
    next.push_back(std::make_unique<end>(p));
    REQUIRE(next[0]->here == number);
    next[0]->wait(readiness::readable);
  };
  first.then = [&] { replace(second); };
  second.then = [&] { replace(first); };
  p.run_once(-1);
  REQUIRE(next.size() == 1);
  CHECK(next[0]->told.empty());
  next[0]->there.send("x");
  p.run_once(-1);
  CHECK(next[0]->told == "r");
}

TEST_CASE("a socket that left is heard of where it went, and may come back") {
  poller home, away;
  end e(home);
  e.wait(readiness::readable);
  e.stop();
  for (int round = 0; round < 3; ++round) {
    auto& from = round % 2 ? away : home;
    auto& to = round % 2 ? home : away;
    from.leave(e.here);
    e.of = &to;
    e.stay = 0;
    e.wait(readiness::readable);
    e.there.send("x");
    from.run_once(0);
    to.run_once(-1);
    CHECK(e.told == std::string(static_cast<std::size_t>(round + 1), 'r'));
    char byte = 0;
    REQUIRE(::recv(e.here, &byte, 1, 0) == 1);
    e.stop();
  }
}

TEST_CASE("the report of a socket that has just left does no harm") {
  poller home, away;
  end e(home);
  e.wait(readiness::readable);
  e.stop();
  e.there.send("x");
  // The owner's poller is about to be told of it; it takes out what is not there any more.
  const auto stay = e.stay;
  home.leave(e.here);
  e.of = &away;
  e.stay = 0;
  e.wait(readiness::readable);
  home.cancel(e.here, stay);
  home.run_once(0);
  CHECK(e.told.empty());
  away.run_once(-1);
  CHECK(e.told == "r");
}

TEST_CASE("woken by another thread: asleep, or before") {
  poller p;
  p.wake();
  p.wake();
  CHECK(p.run_once(-1));
  CHECK_FALSE(p.run_once(0));
  std::thread other([&] { p.wake(); });
  CHECK(p.run_once(-1));
  other.join();
}

TEST_CASE("sleeps no longer than it should") {
  poller p;
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(p.run_once(20));
  CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(19));
}

TEST_CASE("cancelled: told so, once") {
  poller p;
  end e(p);
  e.wait(readiness::readable);
  p.cancel(e.here, e.stay);
  p.cancel(e.here, e.stay);
  CHECK(e.told == "c");
  e.there.send("x");
  p.run_once(0);
  CHECK(e.told == "c");
}

TEST_CASE("abandoned: all who wait are told, and may close") {
  poller p;
  end a(p), b(p), idle(p);
  a.wait(readiness::readable);
  b.wait(readiness::writable);
  idle.wait(readiness::readable);
  idle.stop();
  a.then = [&] { a.close(); };
  p.abandon();
  p.abandon();
  CHECK(a.told == "a");
  CHECK(b.told == "a");
  CHECK(idle.told.empty());
}

TEST_CASE("a handler that throws takes nothing from the others") {
  poller p;
  end a(p), b(p);
  for (auto* e : {&a, &b}) {
    e->there.send("x");
    e->wait(readiness::readable);
  }
  const auto once = [](end& e) {
    e.stop();
    throw std::runtime_error("as a handler may");
  };
  a.then = [&] { once(a); };
  b.then = [&] { once(b); };
  CHECK_THROWS(p.run_once(-1));
  CHECK_THROWS(p.run_once(-1));
  CHECK(a.told + b.told == "rr");
}

TEST_CASE("the kernel has no room for one more: said at once") {
  poller p;
  poller::ticket stay = 0;
  CHECK_THROWS_AS(p.wait(0x7fff, stay, readiness::readable, &end::tell, nullptr), std::system_error);
  CHECK(stay == 0);
  p.abandon();  // there is nobody to be told
}

}  // namespace
}  // namespace forebay
