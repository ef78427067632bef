#include "protocol/wire/query.hpp"

#include "support.hpp"

using namespace forebay::wire;
using namespace forebay::wire::test;

TEST_CASE("query: every message") {
  check_message(query{"select 1"}, "Q\0\0\0\x0dselect 1\0"sv);
  check_message(query{}, "Q\0\0\0\x05\0"sv);
  check_message(command_complete{"INSERT 0 1"}, "C\0\0\0\x0fINSERT 0 1\0"sv);
  check_message(empty_query_response{}, "I\0\0\0\x04"sv);
}

TEST_CASE("query: a zero byte within the text is no text") {
  check_fails<query>("select 1\0; drop table t\0"sv, errc::trailing_bytes);
}
