#include "protocol/wire/reader.hpp"

#include "support.hpp"

using namespace forebay::wire;
using namespace forebay::wire::test;

TEST_CASE("reader: integers are big-endian, signed ones in two's complement") {
  reader r("\x01\x02\x03\xff\xfe\xff\xff\xff\xfd\x80\0\0\x01"sv);
  CHECK(r.u8() == 1);
  CHECK(r.u16() == 0x0203);
  CHECK(r.i16() == -2);
  CHECK(r.i32() == -3);
  CHECK(r.u32() == 0x80000001U);
  CHECK(r.remaining() == 0);
  CHECK(r.ok());
}

TEST_CASE("reader: strings, bytes, the rest") {
  reader r("ab\0\0cdefg"sv);
  CHECK(r.cstring() == "ab");
  CHECK(r.cstring().empty());
  CHECK(r.ok());
  CHECK(r.byte() == 'c');
  CHECK(r.bytes(2) == "de");
  CHECK(r.bytes(0).empty());
  CHECK(r.rest() == "fg");
  CHECK(r.rest().empty());
  CHECK(r.ok());
}

TEST_CASE("reader: failure is sticky, whatever is asked next") {
  const auto check_dead = [](reader r) {
    CHECK_FALSE(r.ok());
    CHECK(r.remaining() == 0);
    CHECK(r.u8() == 0);
    CHECK(r.u16() == 0);
    CHECK(r.u32() == 0);
    CHECK(r.i16() == 0);
    CHECK(r.i32() == 0);
    CHECK(r.cstring().empty());
    CHECK(r.bytes(0).empty());
    CHECK(r.rest().empty());
    CHECK(r.values().empty());
    CHECK(r.u16_list().empty());
    CHECK(r.u32_list().empty());
    CHECK_FALSE(r.can_hold(0, 1));
    CHECK_FALSE(r.ok());
    CHECK(r.done(0).error() == make_error_code(errc::truncated));
  };
  constexpr auto three = "\x01\x02\x03"sv;
  SUBCASE("u32") {
    reader r(three);
    CHECK(r.u32() == 0);
    check_dead(r);
  }
  SUBCASE("cstring without its end") {
    reader r(three);
    CHECK(r.cstring().empty());
    check_dead(r);
  }
  SUBCASE("bytes") {
    reader r(three);
    CHECK(r.bytes(4).empty());
    check_dead(r);
  }
  SUBCASE("so many bytes that their end would wrap around") {
    reader r(three);
    r.u8();
    CHECK(r.bytes(~std::size_t{0}).empty());
    check_dead(r);
  }
  SUBCASE("asked for") {
    reader r(three);
    CHECK(r.fail().empty());
    check_dead(r);
  }
  SUBCASE("nothing there") {
    reader r({});
    CHECK(r.u8() == 0);
    check_dead(r);
  }
}

TEST_CASE("reader: the first failure is the one reported") {
  reader r("\xff\xff\xff\xfe"sv);
  CHECK_FALSE(r.value());
  r.u32();
  r.fail(errc::length_too_large);
  CHECK(r.done(0).error() == make_error_code(errc::bad_value));
}

TEST_CASE("reader: done asks for the end") {
  reader r("ab"sv);
  r.u8();
  CHECK(r.done(7).error() == make_error_code(errc::trailing_bytes));
  r.u8();
  CHECK(*r.done(7) == 7);
}

TEST_CASE("reader: a value may be NULL, empty or there") {
  reader r("\xff\xff\xff\xff\0\0\0\0\0\0\0\x01x"sv);
  CHECK(r.value() == std::nullopt);
  CHECK(r.value() == ""sv);
  CHECK(r.value() == "x"sv);
  CHECK(r.ok());
}

TEST_CASE("reader: a value larger than what remains, or of negative size") {
  for (const auto bytes : {"\0\0\0\x02x"sv, "\x7f\xff\xff\xffx"sv, "\0\0\0"sv}) {
    reader r(bytes);
    r.value();
    CHECK(r.done(0).error() == make_error_code(errc::truncated));
  }
  for (const auto bytes : {"\xff\xff\xff\xfex"sv, "\x80\0\0\0x"sv}) {
    reader r(bytes);
    r.value();
    CHECK(r.done(0).error() == make_error_code(errc::bad_value));
  }
}

TEST_CASE("reader: lists") {
  reader r("\0\x02\0\x01\xff\xff\0\x01\0\0\0\x19\0\x02\xff\xff\xff\xff\0\0\0\x01x\0\0"sv);
  CHECK(r.u16_list() == std::vector<std::uint16_t>{1, 0xffff});
  CHECK(r.u32_list() == std::vector<std::uint32_t>{25});
  CHECK(r.values() == std::vector<std::optional<std::string_view>>{std::nullopt, "x"});
  CHECK(r.values().empty());
  CHECK(*r.done(7) == 7);
}

TEST_CASE("reader: a list that cannot be there allocates nothing") {
  const auto before = allocated();
  for (const auto bytes : {"\xff\xff"sv, "\xff\xff\0\0\0\0\0"sv, "\0\x02\0\x01\0"sv}) {
    for (auto* list : {+[](reader& r) { return r.u16_list().size(); }, +[](reader& r) { return r.u32_list().size(); },
                       +[](reader& r) { return r.values().size(); }}) {
      reader r(bytes);
      if (list(r) != 0 || r.ok()) FAIL("a list of bytes that are not there");
    }
  }
  CHECK(allocated() == before);
}
