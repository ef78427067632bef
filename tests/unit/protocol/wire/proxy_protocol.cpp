#include "protocol/wire/proxy_protocol.hpp"

#include <doctest/doctest.h>

namespace forebay::wire {
namespace {

using kind = proxy_answer::kind;

std::string binary(int command, int family, const std::string& addresses) {
  std::string made("\r\n\r\n\0\r\nQUIT\n", 12);
  made += static_cast<char>(0x20 | command);
  made += static_cast<char>(family);
  made += static_cast<char>(addresses.size() >> 8);
  made += static_cast<char>(addresses.size());
  return made + addresses;
}

const std::string four("\xc0\0\x02\x07\x0a\0\0\x02\x12\x67\x19\x20", 12);
const std::string six =
    std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\1" + std::string(16, '\2') + "\x12\x67\x19\x20";

void found(const std::string& header, const std::string& address, std::uint16_t port) {
  CAPTURE(header);
  const auto answer = find_proxy_header(header + "rest");
  CHECK(answer.what == kind::found);
  CHECK(answer.header.size == header.size());
  CHECK(answer.header.address == address);
  CHECK(answer.header.port == port);
  for (std::size_t size = 0; size < header.size(); ++size)
    CHECK(find_proxy_header(std::string_view(header).substr(0, size)).what == kind::more);
}

TEST_CASE("PROXY protocol: headers") {
  found("PROXY TCP4 192.0.2.7 10.0.0.2 4711 6432\r\n", "192.0.2.7", 4711);
  found("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", "2001:db8::1", 1);
  found("PROXY UNKNOWN\r\n", "", 0);
  found("PROXY UNKNOWN ffff::1 whatever\r\n", "", 0);
  found(binary(1, 0x11, four), "192.0.2.7", 0x1267);
  found(binary(1, 0x21, six), "2001:db8::1", 0x1267);
  found(binary(1, 0x11, four + std::string(900, 'x')), "192.0.2.7", 0x1267);  // with more behind the addresses
  found(binary(0, 0x00, ""), "", 0);
  found(binary(0, 0x11, four), "", 0);  // the balancer looks whether we are there
  found(binary(1, 0x31, std::string(216, 'x')), "", 0);
}

TEST_CASE("PROXY protocol: what is none") {
  for (const std::string text : {std::string("\0\0\0\x08\x04\xd2\x16\x2f", 8), std::string("\x16\x03\x01"),
                                 std::string("PROXI"), std::string("\r\n\r\n\r"), std::string("Q")})
    CHECK(find_proxy_header(text).what == kind::absent);
}

TEST_CASE("PROXY protocol: malformed") {
  for (const std::string text :
       {"PROXY TCP4 192.0.2.7 10.0.0.2 4711\r\n", "PROXY TCP4 192.0.2 10.0.0.2 1 2\r\n", "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 1.2.3.4 ::1 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
        "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY \r\n"})
    CHECK_MESSAGE(find_proxy_header(text).what == kind::malformed, text);
  CHECK(find_proxy_header("PROXY " + std::string(200, 'x')).what == kind::malformed);
  CHECK(find_proxy_header(binary(1, 0x11, four.substr(1))).what == kind::malformed);
  CHECK(find_proxy_header(binary(2, 0x11, four)).what == kind::malformed);
  CHECK(find_proxy_header(binary(1, 0x11, std::string(5000, 'x'))).what == kind::malformed);
  auto old = binary(1, 0x11, four);
  old[12] = 0x11;
  CHECK(find_proxy_header(old).what == kind::malformed);
}

}  // namespace
}  // namespace forebay::wire
