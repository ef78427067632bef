#include "protocol/fsm/saslprep.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "protocol/fsm/scram.hpp"

namespace forebay::fsm {
namespace {

using namespace std::string_view_literals;

// What PostgreSQL 15 stored after ALTER ROLE ... PASSWORD, the bytes that are no UTF-8 in a database in SQL_ASCII.
struct stored {
  std::string_view password, head, keys;
};
constexpr stored of_postgresql[] = {
    {"pa\xc2\xa0ss", "SCRAM-SHA-256$4096:dSjo3TuqUGzw/tST51XHqg==$",  // no-break space
     "DFtvcZZaqFNOcwZC8gurhF+HHBvZ0Z9aE0Vxqp/1uUk=:7X884mvppe5hMnYl9WD1UdPa717k2DoIsa0dO+nxTcU="},
    {"\xef\xac\x81x", "SCRAM-SHA-256$4096:z6Hn24Watu35IrGFKkXheA==$",  // ligature fi
     "041CcwIhh9VYU2+ombLufwvAGUjVq+zeJOOD+aIcpYo=:QulfScZWIOWMfn8YQr74KFAzdf8R+hCbaY9KH38hfrs="},
    {"\xe2\x85\xa8", "SCRAM-SHA-256$4096:yWFwsj8nAXB5BjU2IzZjBQ==$",  // roman nine
     "kmM4HEgpt6Wg6dxvwQZ3gLHXV9IOLQRn8X38RyGpxPQ=:SmpWnq0OiPlW7MMGFFuATLDJ4pw3YDj2ql9q89eaC2w="},
    {"I\xc2\xadX", "SCRAM-SHA-256$4096:NMcpRYIu8B04ZxdYd6vGwA==$",  // soft hyphen
     "LbcP4aav9Ps+K4IY5Ra3JD+B5QxU9t3S+v1t2AHalvQ=:9VixqaVSSGYipHmOJEMPOTtQPe3LSJrIn74b/N4B0ao="},
    {"pa\xcc\x88ss", "SCRAM-SHA-256$4096:stoH/rzp8YWw4VVoOhAaIw==$",  // a and a diaeresis
     "93LOMYGWAFEY8SwEnIjpqS8qlGzvAxkjAyZ47krV4O0=:tHNVF/oZJ65iRMkldc9Bqj6EtjJOkfFBG/AqK6LRRMw="},
    {"\xc2\xad", "SCRAM-SHA-256$4096:QOQ7TIlhXUThNp/1fCZk5w==$",  // nothing left
     "Jd9+CX03ni5UV1CQ0M9UYuldnGX2IkW8wqPqzoeJwxw=:Jr5R32MmPmdSIm9YEb45op3yNMiVFX9a+9LdalNw1NA="},
    {"\xcd\x80x", "SCRAM-SHA-256$4096:F2YmjBlNX4VApMq7+vvqrg==$",  // prohibited before NFKC, not after
     "uww9RmkaJTa1Ar/EQhuLF/Eho3mc5CbIhx6KN3fb3Vg=:SS1nH3lAu4dixGv77Hr1a5C+hmAtEJY+4Vk04uZByiY="},
    {"a\xe2\x84\xb5", "SCRAM-SHA-256$4096:vXkbMFNQswvU0apXO6QdfA==$",  // left to right before NFKC, not after
     "boXpKEwC7AVBWqgvRmLVfCnHywqGCz6TiRib362TZ1M=:HlUHdtTtpTxEjIc4MjzKQ5oDNAKDxz6KpNpv8qPUthc="},
    {"\xd7\x90x", "SCRAM-SHA-256$4096:jnrDoGzjczItwt8fJWQgvQ==$",  // both directions
     "wb4li2iTTd5daaKtSlZo/QBQPu9LRiBcDgXvuN3BNJA=:VlU5zXk3VghZwl/IuERkTt+jOFa6zMjbUMjtfpq70jM="},
    {"tab\x09here", "SCRAM-SHA-256$4096:yXf67CoeAWoadrsa/hSY+w==$",  // ASCII
     "w2aaL9XOVYrzD2LAmPUvkQ/Iuzqm19dmPUgwvCylWbg=:2QGAETFEHNaDO+xjsDMZghsw5UE8rXzJSFamZJx2FQo="},
    {"\x01\x7f", "SCRAM-SHA-256$4096:22vPIfxEgwhGZzfIWY268w==$",  // ASCII
     "v0O6Py+K6e6PWhLIrkRbw7aDNw+zO3p1Ef6A0s6NwCU=:n5YC/k0KqPyBlI1tSm2F6fTiqnETbnNlhLoftFb/Sxg="},
    {"tab\x09\xc3\xa9", "SCRAM-SHA-256$4096:McYxHgKTw2zMJ4j5MwCWJQ==$",  // control character beyond ASCII
     "sgcvg59gLccAxwpBBjev+kpkafDJIgbFDqxV6KH+rl0=:BfbV8RDqLMRMk6g0B8f3Bc2a1Ahtu5iffzVNrGbo/yQ="},
    {"\xf0\x9f\x98\x80", "SCRAM-SHA-256$4096:gC73NCJfhjWrMFt4xK9Bgw==$",  // unassigned in Unicode 3.2
     "ZsuYe5PiZ49n220+8FatSdoz8/dOEiuF2ISR4ONqYZg=:itgYW4aBLW+4RvLxkQ9lfBHrN2P71Xy86YPhd3PKwMI="},
    {"\xff\xfe", "SCRAM-SHA-256$4096:8k2P4z8cQJjTqjF7TtC2Lg==$",  // no UTF-8
     "cF+HyxidkmQ9d03hPvpxR+fSQCPrhOTyaz49uFknktE=:OZ2JcSiUd5bFa9DuKQD72cfNqhZw04urpifpUGi5py4="},
    {"caf\xe9", "SCRAM-SHA-256$4096:1B/g4J795r0u4eS93cY25A==$",  // Latin-1
     "FDN1Cz08PnDwxU6lgJw7RkybnPZoMCMMcOuhO2iaMIg=:sO4YV19d8/9pjc2iprOiMaZMS2EG3I0qRadc9vpLgkU="},
    {"\xc3", "SCRAM-SHA-256$4096:hbGtQuh6V0gbBwPOrUNbFA==$",  // half a character
     "huiPDJbFygVxeRKxYFvVr6a3ZvEXeUoV+8zk0HNTNWk=:g0lSx+qosxwa3tD+DIvWcY0PilTKJVNkaOQZzpIQcH4="},
    {"\xed\xa0\x80", "SCRAM-SHA-256$4096:QarurDCINGvonDdJY2iLRg==$",  // a surrogate
     "YJJ2Q8Rwr6aD4hRjwXtSnzxSPzcdn9m3AkA8yEHKKSY=:b3Rlfe2ObbH/7WXyE+pTNkvpW//luqxEHBJbicTMau0="},
    {"\xc0\xaf", "SCRAM-SHA-256$4096:vlp570qUo4YZ9SSuaLyFYw==$",  // overlong
     "ksOSR5dEyjTm+S11+un1Xxsku+Lcvmjw2aENFa7gfl8=:Wt7e1GZFiNn8pmvN68NsYGLBdc/qujPvWcRAQ6+L1LU="},
    {" pass ", "SCRAM-SHA-256$4096:ZKoGQGYQQbU5eFJQL2ddWQ==$",  // ASCII
     "48ZSsftPKLn8VZoqguTUdo5A2tfjxZgu+kXoN8I1314=:1OiBsXDnHG6mO5/Vz1jRzbar5SXHCFhcS6CUE6vuXLQ="},
};

TEST_CASE("saslprep: passwords give the keys that PostgreSQL stores") {
  for (const auto& [password, head, keys] : of_postgresql) {
    CAPTURE(password);
    const auto text = std::string(head) + std::string(keys);
    const auto secret = scram_secret::parse(text);
    REQUIRE(secret.has_value());
    CHECK(scram_secret::derive(password, secret->salt, secret->iterations).text() == text);
  }
}

TEST_CASE("saslprep: examples of RFC 4013") {
  CHECK(saslprep("I\u00adX") == "IX");
  CHECK(saslprep("user") == "user");
  CHECK(saslprep("USER") == "USER");
  CHECK(saslprep("\u00aa") == "a");
  CHECK(saslprep("\u2168") == "IX");
  CHECK(saslprep("\u0007\u00e9") == "\u0007\u00e9");  // prohibited
  CHECK(saslprep("\u06271") == "\u06271");            // right to left must be so to the end
}

TEST_CASE("saslprep: what is mapped and normalized") {
  CHECK(saslprep("\u3000x\u2003") == " x ");
  CHECK(saslprep("\ufb01x") == "fix");
  CHECK(saslprep("a\u0308") == "\u00e4");
  CHECK(saslprep("\u212b") == "\u00c5");
  CHECK(saslprep("\u06271\u0627") == "\u06271\u0627");
  CHECK(saslprep("\u06271\u00ad\u0627") == "\u06271\u0627");
  CHECK(saslprep("") == "");
}

TEST_CASE("saslprep: what cannot be prepared comes back as it is") {
  for (const auto bytes :
       {"\xc2"sv, "caf\xe9"sv, "\xc0\xaf"sv, "\xed\xa0\x80"sv, "\xf4\x90\x80\x80"sv, "\xc2\xad"sv, "\xff\xff"sv,
        "\0\xc2\xa0"sv, "\xc2\xa0\0x"sv, "\xee\x80\x80\xc2\xa0"sv, "\xc8\xa1\xc2\xa0"sv, "a\xd7\x90\xc2\xa0"sv}) {
    CAPTURE(bytes);
    CHECK(saslprep(bytes) == bytes);
  }
}

TEST_CASE("saslprep: only short passwords are prepared, since the client that sends one is not known") {
  std::string password;
  while (password.size() + 2 <= saslprep_max)
    password += "\u00a0";
  CHECK(saslprep(password) == std::string(password.size() / 2, ' '));
  password += "\u00a0";
  CHECK(saslprep(password) == password);
}

}  // namespace
}  // namespace forebay::fsm
