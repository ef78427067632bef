#include "protocol/wire/auth.hpp"

#include "support.hpp"

using namespace forebay::wire;
using namespace forebay::wire::test;

TEST_CASE("auth: requests that are a code and no more") {
  check_message(authentication{}, "R\0\0\0\x08\0\0\0\0"sv);
  check_message(authentication{auth_code::kerberos_v5, {}}, "R\0\0\0\x08\0\0\0\x02"sv);
  check_message(authentication{auth_code::cleartext_password, {}}, "R\0\0\0\x08\0\0\0\x03"sv);
  check_message(authentication{auth_code::gss, {}}, "R\0\0\0\x08\0\0\0\x07"sv);
  check_message(authentication{auth_code::sspi, {}}, "R\0\0\0\x08\0\0\0\x09"sv);
  CHECK(encode(authentication_ok{}) == encode(authentication{}));
}

TEST_CASE("auth: the md5 salt is four bytes") {
  check_message(authentication{auth_code::md5_password, "\x93\0\xff\x01"sv}, "R\0\0\0\x0c\0\0\0\x05\x93\0\xff\x01"sv);
}

TEST_CASE("auth: codes with data of any length") {
  check_bytes(authentication{auth_code::gss_continue, "token"}, "R\0\0\0\x0d\0\0\0\x08token"sv);
  check_bytes(authentication{auth_code::sasl_continue, "r=nonce,s=c2FsdA==,i=4096"},
              "R\0\0\0\x21\0\0\0\x0br=nonce,s=c2FsdA==,i=4096"sv);
  check_bytes(authentication{auth_code::sasl_final, "v=abc="}, "R\0\0\0\x0e\0\0\0\x0cv=abc="sv);
  check_bytes(authentication{auth_code::sasl, "SCRAM-SHA-256\0\0"sv}, "R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"sv);
}

TEST_CASE("auth: long nonces and salts come through") {
  for (const std::size_t size : {1024, 65536}) {
    const std::string data(size, 'n');
    const auto bytes = encode(authentication{auth_code::sasl_continue, data});
    const auto decoded = authentication::decode(body_of(bytes));
    REQUIRE(decoded.has_value());
    CHECK(decoded->data == data);
  }
}

TEST_CASE("auth: codes nobody knows") {
  for (const auto code : {"\0\0\0\x01"sv, "\0\0\0\x04"sv, "\0\0\0\x06"sv, "\0\0\0\x0d"sv, "\xff\xff\xff\xff"sv}) {
    check_fails<authentication>(code, errc::bad_value);
  }
}

TEST_CASE("auth: the list of SASL mechanisms") {
  const auto mechanisms = [](std::string_view data) { return authentication{auth_code::sasl, data}.mechanisms(); };
  using names = std::vector<std::string_view>;
  CHECK(mechanisms("SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"sv) == names{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"});
  CHECK(mechanisms("\0"sv).empty());
  CHECK(mechanisms("").empty());
  CHECK(mechanisms("SCRAM-SHA-256\0"sv).empty());     // no end
  CHECK(mechanisms("SCRAM-SHA-256").empty());         // not even of the name
  CHECK(mechanisms("SCRAM-SHA-256\0\0x"sv).empty());  // something behind it
  CHECK(authentication::sasl({"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"}) ==
        "R\0\0\0\x2a\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"sv);
}

TEST_CASE("auth: what the client answers") {
  check_message(password_message{"secret"}, "p\0\0\0\x0bsecret\0"sv);
  check_message(password_message{""}, "p\0\0\0\x05\0"sv);
  check_message(sasl_initial_response{"SCRAM-SHA-256", true, "n,,n=,r=x"},
                "p\0\0\0\x1fSCRAM-SHA-256\0\0\0\0\x09n,,n=,r=x"sv);
  check_bytes(sasl_response{"c=biws,r=x,p=y"},
              "p\0\0\0\x12"
              "c=biws,r=x,p=y"sv);
  check_bytes(sasl_response{""}, "p\0\0\0\x04"sv);
}

TEST_CASE("auth: no initial response is not an empty one") {
  check_message(sasl_initial_response{"X", false, {}}, "p\0\0\0\x0aX\0\xff\xff\xff\xff"sv);
  check_message(sasl_initial_response{"X", true, {}}, "p\0\0\0\x0aX\0\0\0\0\0"sv);
  CHECK(encode(sasl_initial_response{"X", false, "left over"}) == encode(sasl_initial_response{"X", false, {}}));
}

TEST_CASE("auth: hostile sizes of the initial response") {
  check_fails<sasl_initial_response>(
      "X\0\x7f\xff\xff\xff"
      "abc"sv,
      errc::truncated);
  check_fails<sasl_initial_response>(
      "X\0\xff\xff\xff\xfe"
      "abc"sv,
      errc::bad_value);
  check_fails<sasl_initial_response>("X\0\x80\0\0\0"sv, errc::bad_value);
  check_fails<sasl_initial_response>(
      "X\0\xff\xff\xff\xff"
      "abc"sv,
      errc::trailing_bytes);
}
