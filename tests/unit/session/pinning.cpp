#include "session/pinning.hpp"

#include <doctest/doctest.h>

namespace forebay {
namespace {

TEST_CASE("effects: what pins before it runs") {
  CHECK(pin_before(effect::none) == pin_reason::none);
  CHECK(pin_before(effect::advisory_lock) == pin_reason::advisory_lock);
  CHECK(pin_before(effect::temporary) == pin_reason::temporary_table);
  CHECK(pin_before(effect::set_function) == pin_reason::setting);
  CHECK(pin_before(effect::setting | effect::hold_cursor | effect::listen | effect::prepare | effect::load |
                   effect::harmless) == pin_reason::none);
}

TEST_CASE("effects: what pins when it has run") {
  const auto any = ~effect::mask{0};
  CHECK(pin_after("SET", effect::setting) == pin_reason::setting);
  CHECK(pin_after("SET", effect::several) == pin_reason::setting);
  CHECK(pin_after("SET", effect::none) == pin_reason::none);
  CHECK(pin_after("SET CONSTRAINTS", any) == pin_reason::none);
  CHECK(pin_after("LISTEN", effect::none) == pin_reason::listen);
  CHECK(pin_after("PREPARE", effect::none) == pin_reason::prepared_statement);
  CHECK(pin_after("PREPARE TRANSACTION", any) == pin_reason::none);
  CHECK(pin_after("LOAD", effect::none) == pin_reason::load);
  CHECK(pin_after("DECLARE CURSOR", effect::hold_cursor) == pin_reason::hold_cursor);
  CHECK(pin_after("DECLARE CURSOR", effect::none) == pin_reason::none);
  CHECK(pin_after("SELECT 1", any) == pin_reason::none);
  CHECK(pin_after("", any) == pin_reason::none);
}

TEST_CASE("effects: the reasons have names") {
  CHECK(to_text(pin_reason::none) == "");
  CHECK(to_text(pin_reason::session_mode) == "session_mode");
  CHECK(to_text(pin_reason::hold_cursor) == "hold_cursor");
  CHECK(to_text(pin_reason::load) == "load");
}

}  // namespace
}  // namespace forebay
