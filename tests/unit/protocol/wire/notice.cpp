#include "protocol/wire/notice.hpp"

#include "support.hpp"

using namespace forebay::wire;
using namespace forebay::wire::test;

TEST_CASE("notice: errors and notices are fields in order") {
  check_message(error_response{{{'S', "ERROR"}, {'V', "ERROR"}, {'C', "42P01"}, {'M', "no table"}}},
                "E\0\0\0\x24SERROR\0VERROR\0"
                "C42P01\0Mno table\0\0"sv);
  check_message(notice_response{{{'S', "NOTICE"}, {'M', "hm"}}}, "N\0\0\0\x11SNOTICE\0Mhm\0\0"sv);
  check_message(notification_response{4711, "channel", "payload"},
                "A\0\0\0\x18\0\0\x12\x67"
                "channel\0payload\0"sv);
}

TEST_CASE("notice: fields by name") {
  const auto error = error_response::decode("SFEHLER\0VERROR\0C42601\0Mwhat\0Dmore\0Hhelp\0Pposition\0\0"sv);
  REQUIRE(error.has_value());
  CHECK(error->severity() == "ERROR");  // not the translated one
  CHECK(error->sqlstate() == "42601");
  CHECK(error->message() == "what");
  CHECK(error->detail() == "more");
  CHECK(error->hint() == "help");
  CHECK(error->field('P') == "position");
  CHECK(error->field('W').empty());
}

TEST_CASE("notice: an old server sends severity once") {
  CHECK(error_response::decode("SFATAL\0\0"sv)->severity() == "FATAL");
}

TEST_CASE("notice: each field missing, empty or there twice") {
  const error_response whole{
      {{'S', "ERROR"}, {'V', "ERROR"}, {'C', "42601"}, {'M', "what"}, {'D', "more"}, {'H', "help"}}};
  for (std::size_t i = 0; i < whole.fields.size(); ++i) {
    const auto [code, text] = whole.fields[i];
    CAPTURE(code);
    auto missing = whole;
    missing.fields.erase(missing.fields.begin() + static_cast<std::ptrdiff_t>(i));
    auto empty = whole;
    empty.fields[i].second = {};
    auto twice = whole;
    twice.fields.emplace_back(code, "again");
    for (const auto& sent : {missing, empty, twice}) {
      const auto bytes = encode(sent);
      const auto got = error_response::decode(body_of(bytes));
      REQUIRE(got.has_value());
      CHECK(*got == sent);
      const auto told = got->to_pg_error();
      CHECK(told.sqlstate.size() == 5);
    }
    CHECK(missing.field(code).empty());
    CHECK(empty.field(code).empty());
    CHECK(twice.field(code) == text);
  }
}

TEST_CASE("notice: an error that says nothing") {
  check_message(error_response{}, "E\0\0\0\x05\0"sv);
  const auto told = error_response::decode("\0"sv)->to_pg_error();
  CHECK(told.sqlstate == "XX000");
  CHECK(told.level == severity::error);
}

TEST_CASE("notice: fields that do not end") {
  for (const auto body : {""sv, "S"sv, "SERROR"sv, "SERROR\0"sv, "SERROR\0C"sv, "SERROR\0C42601"sv}) {
    check_fails<error_response>(body, errc::truncated);
    check_fails<notice_response>(body, errc::truncated);
  }
  check_fails<error_response>("\0SERROR\0\0"sv, errc::trailing_bytes);
}

TEST_CASE("notice: what the proxy says carries both severities") {
  CHECK(encode(pg_error::error("53300", "too many")) ==
        "E\0\0\0\x24SERROR\0VERROR\0"
        "C53300\0Mtoo many\0\0"sv);
  const pg_error all{"57P01", "going", "why", "wait", severity::fatal};
  CHECK(encode(all) ==
        "E\0\0\0\x2cSFATAL\0VFATAL\0"
        "C57P01\0Mgoing\0Dwhy\0Hwait\0\0"sv);
  CHECK(pg_error::fatal("57P01", "going").level == severity::fatal);
}

TEST_CASE("notice: an error is itself after a round trip") {
  for (const auto level : {severity::error, severity::fatal}) {
    const pg_error error{"08006", "gone", "the server", "try again", level};
    const auto bytes = encode(error);
    CHECK(error_response::decode(body_of(bytes))->to_pg_error() == error);
  }
  CHECK(error_response{{{'V', "PANIC"}}}.to_pg_error().level == severity::fatal);
}

TEST_CASE("notice: a zero byte in a text does not begin another field") {
  const auto bytes = encode(pg_error::error("08P01", std::string("bad name x\0C00000\0"sv)));
  const auto error = error_response::decode(body_of(bytes));
  REQUIRE(error.has_value());
  CHECK(error->fields.size() == 4);
  CHECK(error->message() == "bad name x");
}
