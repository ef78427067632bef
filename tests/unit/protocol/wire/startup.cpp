#include "protocol/wire/startup.hpp"

#include "support.hpp"

using namespace forebay::wire;
using namespace forebay::wire::test;

namespace {

// As check_message, for packets without a type byte.
template <class Packet>
void check_packet(const Packet& packet, std::string_view bytes, bool ends_itself = true) {
  CHECK(encode(packet) == bytes);
  const auto body = bytes.substr(4);
  const auto decoded = decode_startup_packet(body);
  REQUIRE(decoded.has_value());
  CHECK(*decoded == startup_packet(packet));
  if (!ends_itself) return;
  for (std::size_t size = 0; size < body.size(); ++size) {
    CAPTURE(size);
    CHECK(decode_startup_packet(std::string(body.substr(0, size))).error() == make_error_code(errc::truncated));
  }
  CHECK(decode_startup_packet(std::string(body) + '\0').error() == make_error_code(errc::trailing_bytes));
}

}  // namespace

TEST_CASE("startup: message") {
  check_packet(startup_message{}, "\0\0\0\x09\0\x03\0\0\0"sv);
  check_packet(startup_message{startup_message::version_3_0, {{"user", "u"}, {"database", "d"}, {"options", ""}}},
               "\0\0\0\x24\0\x03\0\0user\0u\0database\0d\0options\0\0\0"sv);
  check_packet(startup_message{startup_message::version_3_2, {{"user", "u"}}}, "\0\0\0\x10\0\x03\0\x02user\0u\0\0"sv);
}

TEST_CASE("startup: order and repetition of parameters are kept") {
  const startup_message message{startup_message::version_3_0, {{"b", "1"}, {"a", "2"}, {"b", "3"}}};
  check_packet(message,
               "\0\0\0\x15\0\x03\0\0b\0"
               "1\0a\0"
               "2\0b\0"
               "3\0\0"sv);
}

TEST_CASE("startup: a major version that is not 3 is handed out for the answer, whatever follows it") {
  for (const auto body : {"\0\x02\0\0"sv, "\0\x02\0\0garbage"sv, "\0\x04\0\x01user\0"sv, "\x04\xd2\x16\x31"sv}) {
    const auto packet = decode_startup_packet(body);
    REQUIRE(packet.has_value());
    CHECK((std::get<startup_message>(*packet).version >> 16) != 3);
    CHECK(std::get<startup_message>(*packet).parameters.empty());
  }
}

TEST_CASE("startup: requests for encryption") {
  check_packet(ssl_request{}, "\0\0\0\x08\x04\xd2\x16\x2f"sv);
  check_packet(gssenc_request{}, "\0\0\0\x08\x04\xd2\x16\x30"sv);
}

TEST_CASE("startup: cancel requests, with the keys of 3.0 and of 3.2") {
  check_packet(cancel_request{4711, "\x01\x02\x03\x04"}, "\0\0\0\x10\x04\xd2\x16\x2e\0\0\x12\x67\x01\x02\x03\x04"sv,
               false);
  const std::string key(max_cancel_key, 'k');
  check_packet(cancel_request{1, key}, std::string("\0\0\x01\x0c\x04\xd2\x16\x2e\0\0\0\x01"sv) + key, false);
}

TEST_CASE("startup: cancel requests without a key, or with too long a one") {
  CHECK(decode_startup_packet("\x04\xd2\x16\x2e"sv).error() == make_error_code(errc::truncated));
  CHECK(decode_startup_packet("\x04\xd2\x16\x2e\0\0"sv).error() == make_error_code(errc::truncated));
  CHECK(decode_startup_packet("\x04\xd2\x16\x2e\0\0\0\x01"sv).error() == make_error_code(errc::truncated));
  const auto long_key = std::string("\x04\xd2\x16\x2e\0\0\0\x01"sv) + std::string(max_cancel_key + 1, 'k');
  CHECK(decode_startup_packet(long_key).error() == make_error_code(errc::bad_value));
}

TEST_CASE("startup: names as long as the packet may be, and one byte more") {
  const auto with_name_of = [](std::size_t size) {
    return std::string("\0\x03\0\0user\0"sv) + std::string(size, 'u') + std::string("\0\0"sv);
  };
  constexpr std::size_t around = 11;  // version, "user", the two ends
  for (const std::size_t size : {std::size_t{64}, std::size_t{65}, max_startup_packet - around}) {
    const auto body = with_name_of(size);
    const auto packet = decode_startup_packet(body);
    REQUIRE(packet.has_value());
    CHECK(std::get<startup_message>(*packet).parameters.at(0).second.size() == size);
  }
  CHECK(decode_startup_packet(with_name_of(max_startup_packet - around + 1)).error() ==
        make_error_code(errc::length_too_large));
}

TEST_CASE("startup: keys") {
  check_bytes(backend_key_data{4711, "\x01\x02\x03\x04"}, "K\0\0\0\x0c\0\0\x12\x67\x01\x02\x03\x04"sv);
  const std::string key(max_cancel_key, 'k');
  check_bytes(backend_key_data{1, key}, std::string("K\0\0\x01\x08\0\0\0\x01"sv) + key);
  for (const auto body : {""sv, "\0\0\0"sv, "\0\0\0\x01"sv, "\0\0\0\x01\x01\x02\x03"sv}) {
    check_fails<backend_key_data>(body, errc::truncated);
  }
  check_fails<backend_key_data>(std::string(4 + max_cancel_key + 1, 'k'), errc::bad_value);
}

TEST_CASE("startup: version negotiation") {
  check_message(negotiate_protocol_version{startup_message::version_3_0, {}}, "v\0\0\0\x0c\0\x03\0\0\0\0\0\0"sv);
  check_message(negotiate_protocol_version{2, {"_pq_.a", "_pq_.b"}},
                "v\0\0\0\x1a\0\0\0\x02\0\0\0\x02_pq_.a\0_pq_.b\0"sv);
  check_claim_fails<negotiate_protocol_version>("\0\x03\0\0\xff\xff\xff\xff"sv);
  check_claim_fails<negotiate_protocol_version>("\0\x03\0\0\x7f\xff\xff\xff\0\0\0"sv);
}
