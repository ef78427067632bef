#include "protocol/wire/error.hpp"

#include "support.hpp"

using namespace forebay::wire;

TEST_CASE("each way to fail has words of its own") {
  for (int value = 1; value <= static_cast<int>(errc::bad_value); ++value) {
    const auto code = make_error_code(static_cast<errc>(value));
    CHECK(code.failed());
    CHECK(code.message() != "unknown");
    for (int other = 1; other < value; ++other)
      CHECK(code.message() != category().message(other));
  }
  CHECK(category().message(99) == "unknown");
  CHECK(std::string_view(category().name()) == "postgresql protocol");
}
