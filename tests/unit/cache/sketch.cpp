#include "cache/sketch.hpp"

#include <doctest/doctest.h>

#include "core/random.hpp"

namespace forebay {
namespace {

frequency_sketch::hash any(quick_random& random) {
  return {random(), random()};
}

TEST_CASE("frequency_sketch: never too few, seldom too many") {
  quick_random random(1);
  frequency_sketch sketch(1024);
  std::vector<frequency_sketch::hash> twice;
  for (int i = 0; i < 256; ++i) {
    twice.push_back(any(random));
    sketch.add(twice.back());
    sketch.add(twice.back());
  }
  CHECK(sketch.added() == 512);
  for (const auto& each : twice)
    CHECK(sketch.count(each) >= 2);
  int wrong = 0;
  for (int i = 0; i < 1000; ++i)
    wrong += sketch.count(any(random)) > 0;
  CHECK(wrong < 30);
}

TEST_CASE("frequency_sketch: one that has had its fill of different hashes still knows most strangers") {
  quick_random random(2);
  frequency_sketch sketch(1024);
  for (int i = 0; i < 1024; ++i)
    sketch.add(any(random));
  int wrong = 0;
  for (int i = 0; i < 1000; ++i)
    wrong += sketch.count(any(random)) > 0;
  CHECK(wrong < 250);
}

TEST_CASE("frequency_sketch: halved, once is never and often is half as often") {
  frequency_sketch sketch(1024);
  const frequency_sketch::hash once{1, 0}, often{0x0002'0002'0002'0002, 0};
  sketch.add(once);
  for (int i = 0; i < 9; ++i)
    sketch.add(often);
  sketch.halve(1);
  CHECK(sketch.count(once) == 0);
  CHECK(sketch.count(often) == 4);
  CHECK(sketch.added() == 0);
  sketch.halve(8);
  CHECK(sketch.count(often) == 0);
}

TEST_CASE("frequency_sketch: it counts no further than it can") {
  frequency_sketch sketch(256);
  for (int i = 0; i < 1000; ++i)
    sketch.add({1, 1});
  CHECK(sketch.count({1, 1}) == frequency_sketch::most);
  sketch.at_least({1, 1}, 3);
  CHECK(sketch.count({1, 1}) == frequency_sketch::most);
}

}  // namespace
}  // namespace forebay
