#include "protocol/wire/rows.hpp"

#include "support.hpp"

using namespace forebay::wire;
using namespace forebay::wire::test;

TEST_CASE("rows: description") {
  check_message(row_description{}, "T\0\0\0\x06\0\0"sv);
  check_message(row_description{{{"id", 16384, 1, 23, 4, -1, 1}}},
                "T\0\0\0\x1b\0\x01id\0\0\0\x40\0\0\x01\0\0\0\x17\0\x04\xff\xff\xff\xff\0\x01"sv);
  check_message(row_description{{{"a", 0, 0, 25, -1, -1, 0}, {"", 0, 0, 1043, -1, 14, 0}}},
                "T\0\0\0\x2d\0\x02"
                "a\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0"
                "\0\0\0\0\0\0\0\0\0\x04\x13\xff\xff\0\0\0\x0e\0\0"sv);
}

TEST_CASE("rows: data") {
  check_message(data_row{}, "D\0\0\0\x06\0\0"sv);
  check_message(data_row{{"1"sv, std::nullopt, ""sv, "a\0b"sv}},
                "D\0\0\0\x1a\0\x04\0\0\0\x01"
                "1\xff\xff\xff\xff\0\0\0\0\0\0\0\x03"
                "a\0b"sv);
}

TEST_CASE("rows: the widest a table can be, and more") {
  for (const std::size_t columns : {1600, 65535}) {
    data_row row;
    row.values.assign(columns, "v"sv);
    const auto bytes = encode(row);
    const auto decoded = data_row::decode(body_of(bytes));
    REQUIRE(decoded.has_value());
    CHECK(*decoded == row);
  }
}

TEST_CASE("rows: columns that are not there") {
  check_claim_fails<row_description>("\xff\xff"sv);
  check_claim_fails<row_description>(
      "\xff\xff"
      "a\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0"sv);
  check_claim_fails<data_row>("\xff\xff"sv);
  check_claim_fails<data_row>("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"sv);
}

TEST_CASE("rows: hostile sizes of values") {
  check_fails<data_row>("\0\x01\x7f\xff\xff\xff"sv, errc::truncated);
  check_fails<data_row>("\0\x01\xff\xff\xff\xfe"sv, errc::bad_value);
  check_fails<data_row>("\0\x01\x80\0\0\0"sv, errc::bad_value);
}
