#include "cache/sisters.hpp"

#include <doctest/doctest.h>

#include "cache/result_cache.hpp"

namespace forebay {
namespace {

using namespace std::chrono_literals;
using items = std::vector<sister_news::item>;
const steady::time_point start{1h};

struct listener {
  items heard;
  sister_book::applier apply = [this](const items& fresh) { heard.insert(heard.end(), fresh.begin(), fresh.end()); };
};

TEST_CASE("news as text and back") {
  const sister_news news{0xabcULL, 3, 77, {{"123/5", 16384, 70}, {"tags/0", 2, 77}}};
  CHECK(news.encode() == "abc 3 77 123/5/16384:70 tags/0/2:77");
  const auto back = sister_news::decode(news.encode());
  REQUIRE(back);
  CHECK(back->who == 0xabc);
  CHECK(back->number == 3);
  CHECK(back->upto == 77);
  CHECK(back->items == news.items);
  for (const auto* wrong : {"", "x 1 1", "abc 3", "abc 3 x", "abc 3 77 123/5/16384", "abc 3 77 123:1", "abc 3 77 /1:1",
                            "abc 3 77 a/b:1", "abc 3 77 1/5/1:78", "abc 3 77 1/5/1:-1"}) {
    CAPTURE(wrong);
    CHECK_FALSE(sister_news::decode(wrong));
  }
}

TEST_CASE("a result is taken if its fence has what was written here") {
  sister_book book(1);
  cache_clocks clocks;
  clocks.set_shared_name("db/1");
  auto& clock = clocks.of(16384);
  shared_fence never;
  CHECK(book.has_all(clock, never));  // never written
  clock.wrote();
  CHECK_FALSE(book.has_all(clock, never));
  CHECK(book.has_all(clock, book.fence(cache_clock::now())));
  shared_fence before;
  before.set(1, clock.own() - 1);
  CHECK_FALSE(book.has_all(clock, before));
  clock.begins();
  CHECK_FALSE(book.has_all(clock, book.fence(cache_clock::now())));
  clock.ends();
  clock.heard();  // of others: they are asked for what they have written
  shared_fence own;
  own.set(1, clock.own());
  CHECK(book.has_all(clock, own));
}

TEST_CASE("nothing is taken while it is not known what the database is called, or what was written") {
  sister_book book(1);
  cache_clocks clocks;
  CHECK_FALSE(book.has_all(clocks.all(), book.fence(0)));
  clocks.set_shared_name("db/1");
  CHECK(book.has_all(clocks.all(), book.fence(0)));
  clocks.doubt();
  CHECK_FALSE(book.has_all(clocks.all(), book.fence(0)));
  clocks.settle();
  CHECK(book.has_all(clocks.all(), book.fence(0)));
  clocks.doubted().begins();
  CHECK_FALSE(book.has_all(clocks.all(), book.fence(0)));
}

TEST_CASE("a result is taken if its fence has what sisters are known to have written") {
  sister_book book(1);
  listener here;
  cache_clocks clocks;
  clocks.set_shared_name("db/1");
  auto& clock = clocks.of(16384);
  CHECK(book.hear({2, 1, 50, {{"db/1", 16384, 49}}}, start, here.apply));
  CHECK(here.heard == items{{"db/1", 16384, 49}});
  shared_fence fence;
  CHECK_FALSE(book.has_all(clock, fence));
  CHECK(book.has_all(clocks.of(16385), fence));
  fence.set(2, 48);
  CHECK_FALSE(book.has_all(clock, fence));
  fence.set(2, 49);
  CHECK(book.has_all(clock, fence));
  CHECK(book.fence(9).of(2) == 50);
  CHECK(book.fence(9).of(1) == 9);
}

TEST_CASE("a position counts only when all before it was heard") {
  sister_book book(1);
  listener here;
  CHECK_FALSE(book.hear({2, 5, 50, {{"db/1", 7, 50}}}, start, here.apply));  // the first that is heard is the fifth
  CHECK(here.heard.size() == 1);
  CHECK(book.fence(0).of(2) == 0);

  redis_reply fields{.is = redis_reply::kind::list, .text = {}, .items = {}};
  for (const auto& [name, value] : sister_book::fields_of({2, 5, 50, {{"db/1", 7, 50}, {"db/1", 8, 20}}}))
    for (const auto& text : {name, value})
      fields.items.push_back({.is = redis_reply::kind::text, .text = text, .items = {}});
  here.heard.clear();
  std::uint64_t then = 1;
  book.learn(fields, start, [&](const items& fresh) {
    here.apply(fresh);
    then = book.fence(0).of(2);
  });
  CHECK(here.heard == items{{}});  // whatever it was: Redis may have lost some of it
  CHECK(then == 0);                // before anything can claim to have it
  CHECK(book.fence(0).of(2) == 50);
  CHECK(book.hear({2, 6, 60, {}}, start, here.apply));
  CHECK(book.fence(0).of(2) == 60);
  CHECK_FALSE(book.hear({2, 8, 80, {}}, start, here.apply));
  CHECK(book.fence(0).of(2) == 60);
  CHECK(book.hear({2, 4, 40, {}}, start, here.apply));  // an old one says nothing
  CHECK(book.fence(0).of(2) == 60);
}

TEST_CASE("a result without what was written before one's own writes were followed is not taken") {
  sister_book book(1);
  cache_clocks clocks;
  clocks.set_shared_name("db/1");
  book.demand(5);
  CHECK_FALSE(book.has_all(clocks.all(), book.fence(4)));
  CHECK(book.has_all(clocks.all(), book.fence(5)));
}

TEST_CASE("what is read without a gap is told as it is") {
  sister_book book(1);
  listener here;
  book.hear({2, 1, 50, {{"db/1", 7, 50}}}, start, here.apply);
  here.heard.clear();
  redis_reply fields{.is = redis_reply::kind::list, .text = {}, .items = {}};
  for (const auto& [name, value] : sister_book::fields_of({2, 2, 60, {{"db/1", 7, 50}, {"db/1", 8, 20}}}))
    for (const auto& text : {name, value})
      fields.items.push_back({.is = redis_reply::kind::text, .text = text, .items = {}});
  book.learn(fields, start, here.apply);
  CHECK(here.heard == items{{"db/1", 8, 20}});  // the other was known
  CHECK(book.fence(0).of(2) == 60);
}

TEST_CASE("one's own news are not heard") {
  sister_book book(1);
  listener here;
  CHECK(book.hear({1, 9, 50, {{"db/1", 7, 50}}}, start, here.apply));
  CHECK(here.heard.empty());
  CHECK(book.count() == 0);
}

TEST_CASE("what was written long ago is forgotten, and sisters that are many") {
  sister_book book(1);
  listener here;
  cache_clocks clocks;
  clocks.set_shared_name("db/1");
  book.hear({2, 1, 50, {{"db/1", 16384, 50}}}, start, here.apply);
  book.hear({3, 1, 10, {{"db/1", 16384, 10}}}, start + 26h, here.apply);
  shared_fence fence;
  fence.set(3, 10);
  CHECK(book.has_all(clocks.of(16384), fence));
  for (std::uint64_t who = 10; who < 200; ++who)
    book.hear({who, 1, who, {}}, start + 27h, here.apply);
  CHECK(book.count() == 64);
  CHECK(book.fence(0).of(2) == 0);
}

TEST_CASE("whoever takes up to a position has all clocks that were moved up to there") {
  result_cache cache({});
  int woken = 0;
  auto& clocks = cache.clocks_of("main", "app");
  clocks.of(5).wrote();
  cache.changes.begin([&] { ++woken; });
  clocks.of(7).wrote();
  clocks.of(7).wrote();
  clocks.all().wrote();
  clocks.of(9).heard();
  CHECK(woken == 1);
  const auto taken = cache.changes.take();
  CHECK(taken.clocks == std::vector<cache_clock*>{&clocks.of(7), &clocks.all()});
  CHECK(taken.upto >= clocks.all().own());
  CHECK(cache.changes.take().clocks.empty());
  cache.clock_of_tag("a").wrote();
  CHECK(woken == 2);
  cache.changes.put_back({&clocks.of(7), &clocks.of(7)});
  CHECK(cache.changes.take().clocks.size() == 2);
  std::size_t all = 0;
  cache.for_each([&](const auto&, const auto&, cache_clocks& some) {
    some.for_each([&](cache_clock& each) { all += each.own() != 0 ? 1 : 0; });
  });
  CHECK(all == 4);
  cache.changes.end();
  clocks.of(7).wrote();
  CHECK(cache.changes.take().clocks.empty());
}

}  // namespace
}  // namespace forebay
