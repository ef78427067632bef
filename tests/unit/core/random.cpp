#include "core/random.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <set>

namespace forebay {

TEST_CASE("random bytes have the size asked for and do not repeat") {
  CHECK(random_bytes(0).empty());
  CHECK(random_bytes(33).size() == 33);
  std::set<std::string> seen;
  std::set<std::uint32_t> numbers;
  for (int i = 0; i < 200; ++i) {
    seen.insert(random_bytes(16));
    numbers.insert(random_u32());
  }
  CHECK(seen.size() == 200);
  CHECK(numbers.size() > 190);
}

TEST_CASE("quick numbers are spread evenly, and the same seed gives the same") {
  quick_random a(1), b(1), c(2);
  CHECK(a() == b());
  CHECK(a() != c());
  std::array<int, 10> seen{};
  for (int i = 0; i < 100'000; ++i)
    ++seen.at(a.below(10));
  for (const auto count : seen)
    CHECK(std::abs(count - 10'000) < 500);
}

}  // namespace forebay
