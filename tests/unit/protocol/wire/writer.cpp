#include "protocol/wire/writer.hpp"

#include "support.hpp"

using namespace forebay::wire;
using namespace forebay::wire::test;

TEST_CASE("writer: fields, big-endian") {
  std::string out;
  writer w(out);
  w.u8(0xfe);
  w.u16(0x0102);
  w.u32(0x03040506);
  w.bytes("a\0b"sv);
  w.cstring("text");
  w.cstring("");
  CHECK(out ==
        "\xfe\x01\x02\x03\x04\x05\x06"
        "a\0btext\0\0"sv);
}

TEST_CASE("writer: values and lists") {
  std::string out;
  writer w(out);
  w.value(std::nullopt);
  w.value(""sv);
  w.values({"x"sv, std::nullopt});
  w.list(std::vector<std::uint16_t>{1, 0x0203});
  w.list(std::vector<std::uint32_t>{0x04050607});
  CHECK(out == "\xff\xff\xff\xff\0\0\0\0\0\x02\0\0\0\x01x\xff\xff\xff\xff\0\x02\0\x01\x02\x03\0\x01\x04\x05\x06\x07"sv);
}

TEST_CASE("writer: a message is appended, and its length counts itself and not the type") {
  std::string out = "before";
  writer w(out);
  w.begin('Q');
  w.cstring("x");
  w.finish();
  w.empty('S');
  w.begin_untyped();
  w.u32(80877103);
  w.finish();
  CHECK(out == "beforeQ\0\0\0\x06x\0S\0\0\0\x04\0\0\0\x08\x04\xd2\x16\x2f"sv);
}

TEST_CASE("writer: lengths over 64 KiB") {
  std::string out;
  writer w(out);
  w.begin('d');
  w.bytes(std::string(0x01020304 - 4, 'x'));
  w.finish();
  CHECK(out.substr(0, 5) == "d\x01\x02\x03\x04"sv);
}

TEST_CASE("writer: a zero byte within a text ends it, and cannot begin another field") {
  std::string out;
  writer w(out);
  w.cstring("user\0database"sv);
  CHECK(out == "user\0"sv);
}
