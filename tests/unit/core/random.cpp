#include "core/random.hpp"

#include <doctest/doctest.h>

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

}  // namespace forebay
