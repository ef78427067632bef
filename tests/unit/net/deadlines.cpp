#include <algorithm>
#include <random>
#include <thread>

#include "tests/unit/net/support.hpp"

namespace forebay {
namespace {

using std::chrono::milliseconds;

// All on the test's own thread: it sleeps as a worker does.
struct clockwork {
  deadline_queue queue;
  steady::time_point start = steady::now();

  steady::time_point in(int ms) const { return start + milliseconds(ms); }
  void run_for(int ms) {
    const auto end = steady::now() + milliseconds(ms);
    while (steady::now() < end) {
      const auto patience = queue.patience(steady::now());
      const auto wake = steady::now() + milliseconds(patience);
      std::this_thread::sleep_until(patience < 0 ? end : std::min(wake, end));
      queue.run_due();
    }
  }
};

struct bell {
  std::vector<int>* rung;
  int number;
  deadline at;
  bell(std::vector<int>& r, int n) : rung(&r), number(n), at(&bell::ring, this) {}
  static void ring(void* self) {
    auto& b = *static_cast<bell*>(self);
    b.rung->push_back(b.number);
  }
};

TEST_CASE("deadlines come in the order of their times, not of their setting") {
  clockwork c;
  std::vector<int> rung;
  bell a(rung, 1), b(rung, 2), d(rung, 3);
  d.at.set(c.queue, c.in(15));
  a.at.set(c.queue, c.in(5));
  b.at.set(c.queue, c.in(10));
  CHECK(a.at.is_set());
  c.run_for(60);
  CHECK(rung == std::vector{1, 2, 3});
  CHECK_FALSE(a.at.is_set());
}

TEST_CASE("never before its time") {
  clockwork c;
  std::vector<int> rung;
  bell a(rung, 1);
  a.at.set(c.queue, c.in(40));
  c.run_for(20);
  CHECK(rung.empty());
  c.run_for(100);
  CHECK(rung == std::vector{1});
}

TEST_CASE("a time in the past comes at once") {
  clockwork c;
  std::vector<int> rung;
  bell a(rung, 1);
  a.at.set(c.queue, c.start - std::chrono::hours(1));
  c.run_for(5);
  CHECK(rung == std::vector{1});
}

TEST_CASE("cleared: never comes, the others do") {
  clockwork c;
  std::vector<int> rung;
  bell a(rung, 1), b(rung, 2);
  a.at.set(c.queue, c.in(5));
  b.at.set(c.queue, c.in(10));
  a.at.clear();
  CHECK_FALSE(a.at.is_set());
  a.at.clear();
  c.run_for(40);
  CHECK(rung == std::vector{2});
}

TEST_CASE("set again: the last setting counts, earlier or later") {
  clockwork c;
  std::vector<int> rung;
  bell a(rung, 1), b(rung, 2), d(rung, 3);
  a.at.set(c.queue, c.in(5));
  a.at.set(c.queue, c.in(30));  // later
  b.at.set(c.queue, c.in(200));
  b.at.set(c.queue, c.in(10));  // earlier
  d.at.set(c.queue, c.in(20));
  c.run_for(80);
  CHECK(rung == std::vector{2, 3, 1});
}

TEST_CASE("after a sleep through a cleared deadline the next one still comes") {
  clockwork c;
  std::vector<int> rung;
  bell a(rung, 1), b(rung, 2);
  a.at.set(c.queue, c.in(5));
  a.at.clear();
  c.run_for(15);
  b.at.set(c.queue, steady::now() + milliseconds(5));
  c.run_for(50);
  CHECK(rung == std::vector{2});
}

TEST_CASE("an action may set itself again and set others") {
  clockwork c;
  struct repeating {
    clockwork* c;
    int times = 0;
    deadline at{&repeating::ring, this};
    explicit repeating(clockwork& k) : c(&k) {}
    static void ring(void* self) {
      auto& r = *static_cast<repeating*>(self);
      if (++r.times < 5) r.at.set(r.c->queue, steady::now() + milliseconds(2));
    }
  } r(c);
  r.at.set(c.queue, c.in(2));
  c.run_for(60);
  CHECK(r.times == 5);
}

struct doomed {
  std::vector<std::unique_ptr<doomed>>* all;
  std::size_t index;
  int* rung;
  deadline at{&doomed::ring, this};
  doomed(std::vector<std::unique_ptr<doomed>>& a, std::size_t i, int& r) : all(&a), index(i), rung(&r) {}
  static void ring(void* self) {
    auto* d = static_cast<doomed*>(self);
    ++*d->rung;
    auto* everybody = d->all;
    const auto next = d->index + 1;
    everybody->at(d->index).reset();                            // itself
    if (next < everybody->size()) everybody->at(next).reset();  // and the one that is due right after it
  }
};

TEST_CASE("an action may destroy its own deadline and the next one that is due") {
  clockwork c;
  int rung = 0;
  std::vector<std::unique_ptr<doomed>> all;
  for (std::size_t i = 0; i < 6; ++i)
    all.push_back(std::make_unique<doomed>(all, i, rung));
  for (std::size_t i = 0; i < 6; ++i)
    all[i]->at.set(c.queue, c.in(static_cast<int>(5 + i)));
  std::this_thread::sleep_for(milliseconds(20));  // all are due in one go
  c.run_for(20);
  CHECK(rung == 3);
}

TEST_CASE("destroyed: cleared") {
  clockwork c;
  std::vector<int> rung;
  auto a = std::make_unique<bell>(rung, 1);
  a->at.set(c.queue, c.in(2));
  a.reset();
  c.run_for(10);
  CHECK(rung.empty());
}

TEST_CASE("a deadline may outlive its queue") {
  std::vector<int> rung;
  bell a(rung, 1);
  {
    clockwork c;
    a.at.set(c.queue, c.in(2));
  }
  CHECK_FALSE(a.at.is_set());
}

TEST_CASE("ten thousand deadlines, set, moved and cleared at random") {
  clockwork c;
  std::vector<int> rung;
  std::vector<std::unique_ptr<bell>> bells;
  std::vector<int> expected(10'000, -1);
  std::mt19937 random(7);
  for (int i = 0; i < 10'000; ++i)
    bells.push_back(std::make_unique<bell>(rung, i));
  for (int step = 0; step < 40'000; ++step) {
    const auto i = random() % bells.size();
    if (random() % 4 == 0) {
      bells[i]->at.clear();
      expected[i] = -1;
    } else {
      expected[i] = static_cast<int>(random() % 100);
      bells[i]->at.set(c.queue, c.in(expected[i]));
    }
  }
  c.run_for(400);
  CHECK(rung.size() == std::size_t(std::count_if(expected.begin(), expected.end(), [](int e) { return e >= 0; })));
  CHECK(std::is_sorted(rung.begin(), rung.end(),
                       [&](int x, int y) { return expected[std::size_t(x)] < expected[std::size_t(y)]; }));
}

}  // namespace
}  // namespace forebay
