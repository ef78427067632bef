#include "protocol/wire/status.hpp"

#include "support.hpp"

using namespace forebay::wire;
using namespace forebay::wire::test;

TEST_CASE("status: every message") {
  check_message(parameter_status{"TimeZone", "UTC"}, "S\0\0\0\x11TimeZone\0UTC\0"sv);
  check_message(parameter_status{"application_name", ""},
                "S\0\0\0\x16"
                "application_name\0\0"sv);
  check_message(terminate{}, "X\0\0\0\x04"sv);
}

TEST_CASE("status: ready for query tells one of three states") {
  check_message(ready_for_query{'I'}, "Z\0\0\0\x05I"sv);
  check_message(ready_for_query{'T'}, "Z\0\0\0\x05T"sv);
  check_message(ready_for_query{'E'},
                "Z\0\0\0\x05"
                "E"sv);
  check_fails<ready_for_query>("\0"sv, errc::bad_value);
  check_fails<ready_for_query>("i"sv, errc::bad_value);
}

TEST_CASE("status: function calls") {
  check_message(function_call{}, "F\0\0\0\x0e\0\0\0\0\0\0\0\0\0\0"sv);
  check_message(function_call{1598, {1}, {"\0\0\0\x2a"sv, std::nullopt}, 1},
                "F\0\0\0\x1c\0\0\x06\x3e\0\x01\0\x01\0\x02\0\0\0\x04\0\0\0\x2a\xff\xff\xff\xff\0\x01"sv);
  check_message(function_call_response{}, "V\0\0\0\x08\xff\xff\xff\xff"sv);
  check_message(function_call_response{"x"sv}, "V\0\0\0\x09\0\0\0\x01x"sv);
}

TEST_CASE("status: arguments that are not there") {
  check_claim_fails<function_call>("\0\0\0\x01\xff\xff"sv);
  check_claim_fails<function_call>("\0\0\0\x01\0\0\xff\xff\0\0\0\0"sv);
  check_fails<function_call>("\0\0\0\x01\0\0\0\x01\xff\xff\xff\xf0\0\0"sv, errc::bad_value);
  check_fails<function_call_response>("\x7f\xff\xff\xff"sv, errc::truncated);
  check_fails<function_call_response>("\xff\xff\xff\xfe"sv, errc::bad_value);
}
