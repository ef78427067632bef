#include "protocol/wire/extended.hpp"

#include "support.hpp"

using namespace forebay::wire;
using namespace forebay::wire::test;

TEST_CASE("extended: parse") {
  check_message(parse{}, "P\0\0\0\x08\0\0\0\0"sv);
  check_message(parse{"s1", "select $1", "\0\x02\0\0\0\x17\0\0\0\x19"sv},
                "P\0\0\0\x1bs1\0select $1\0\0\x02\0\0\0\x17\0\0\0\x19"sv);
}

TEST_CASE("extended: the types of a parse") {
  using oids = std::vector<std::uint32_t>;
  CHECK(parse{}.type_oids().empty());
  CHECK(parse{"", "", "\0\x02\0\0\0\x17\x01\0\0\x19"sv}.type_oids() == oids{23, 0x01000019});
  check_fails<parse>("\0\0\0\x02\0\0\0\x17"sv, errc::truncated);
  check_fails<parse>("\0\0\xff\xff\0\0\0\x17"sv, errc::truncated);
  check_fails<parse>("\0\0\0\0\0\0\0\x17"sv, errc::trailing_bytes);
}

TEST_CASE("extended: statements over 64 KiB") {
  const std::string sql = "select '" + std::string(100'000, 'x') + "'";
  const auto bytes = encode(parse{"", sql});
  const auto decoded = parse::decode(body_of(bytes));
  REQUIRE(decoded.has_value());
  CHECK(decoded->query == sql);
}

TEST_CASE("extended: bind") {
  check_message(bind{}, "B\0\0\0\x0c\0\0\0\0\0\0\0\0"sv);
  check_message(bind{"p", "s", {0, 1}, {"1"sv, std::nullopt, ""sv}, {1}},
                "B\0\0\0\x21p\0s\0\0\x02\0\0\0\x01\0\x03\0\0\0\x01"
                "1\xff\xff\xff\xff\0\0\0\0\0\x01\0\x01"sv);
}

TEST_CASE("extended: parameters that are not there") {
  check_claim_fails<bind>("\0\0\xff\xff"sv);
  check_claim_fails<bind>("\0\0\0\0\xff\xff\0\0\0\0"sv);
  check_claim_fails<bind>("\0\0\0\0\0\0\xff\xff\0\x01"sv);
  check_fails<bind>("\0\0\0\0\0\x01\x7f\xff\xff\xff\0\0"sv, errc::truncated);
  check_fails<bind>("\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0"sv, errc::bad_value);
  check_fails<bind>("\0\0\0\0\0\x01\x80\0\0\0\0\0"sv, errc::bad_value);
}

TEST_CASE("extended: the front of a bind, of which the rest may still be on its way") {
  const auto names = bind_names::decode_front(
      "portal\0statement\0\0\0\0\x01\0\0\0\x09"
      "begin"sv);
  REQUIRE(names.has_value());
  CHECK(names->portal == "portal");
  CHECK(names->statement == "statement");
  CHECK(names->rest ==
        "\0\0\0\x01\0\0\0\x09"
        "begin"sv);
  CHECK(bind_names::decode_front("\0\0"sv)->rest.empty());
  for (const auto cut : {""sv, "portal"sv, "portal\0"sv, "portal\0state"sv}) {
    CHECK(bind_names::decode_front(cut).error() == make_error_code(errc::truncated));
  }
}

TEST_CASE("extended: describe and close name a statement or a portal") {
  check_message(describe{'S', "s1"}, "D\0\0\0\x08Ss1\0"sv);
  check_message(describe{'P', ""}, "D\0\0\0\x06P\0"sv);
  check_message(forebay::wire::close{'S', "s1"}, "C\0\0\0\x08Ss1\0"sv);
  check_message(forebay::wire::close{'P', "p"}, "C\0\0\0\x07Pp\0"sv);
  check_fails<describe>("X\0"sv, errc::bad_value);
  check_fails<forebay::wire::close>("\0s\0"sv, errc::bad_value);
}

TEST_CASE("extended: execute") {
  check_message(execute{}, "E\0\0\0\x09\0\0\0\0\0"sv);
  check_message(execute{"p", 0x01020304}, "E\0\0\0\x0ap\0\x01\x02\x03\x04"sv);
}

TEST_CASE("extended: parameter description") {
  check_message(parameter_description{}, "t\0\0\0\x06\0\0"sv);
  check_message(parameter_description{{23, 25}}, "t\0\0\0\x0e\0\x02\0\0\0\x17\0\0\0\x19"sv);
  check_claim_fails<parameter_description>("\xff\xff\0\0\0\x17"sv);
}

TEST_CASE("extended: messages that are a type and no more") {
  check_message(forebay::wire::sync{}, "S\0\0\0\x04"sv);
  check_message(flush{}, "H\0\0\0\x04"sv);
  check_message(parse_complete{}, "1\0\0\0\x04"sv);
  check_message(bind_complete{}, "2\0\0\0\x04"sv);
  check_message(close_complete{}, "3\0\0\0\x04"sv);
  check_message(no_data{}, "n\0\0\0\x04"sv);
  check_message(portal_suspended{}, "s\0\0\0\x04"sv);
}
