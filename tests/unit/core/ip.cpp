#include "core/ip.hpp"

#include <doctest/doctest.h>

namespace forebay {
namespace {

bool within(std::string_view network, std::string_view who) {
  return ip_network::parse(network).value().contains(ip_address::parse(who).value());
}

TEST_CASE("addresses as text") {
  for (const auto* good : {"10.0.0.1", "::1", "fe80::1", "0.0.0.0"})
    CHECK(ip_address::parse(good).value().text() == good);
  CHECK(ip_address::parse("::ffff:10.0.0.1").value().text() == "10.0.0.1");
  for (const auto* bad : {"", "10.0.0", "10.0.0.256", "localhost", "::g", "10.0.0.1/8", " 10.0.0.1", "1.2.3.4\n"})
    CHECK_FALSE(ip_address::parse(bad));
  CHECK_FALSE(ip_address::parse(std::string_view("10.0.0.1\0", 9)));
}

TEST_CASE("networks") {
  CHECK(within("10.0.0.0/8", "10.255.0.1"));
  CHECK_FALSE(within("10.0.0.0/8", "11.0.0.1"));
  CHECK(within("10.1.2.3/8", "10.9.9.9"));  // bits beyond the mask do not count
  CHECK(within("10.0.0.1", "10.0.0.1"));
  CHECK_FALSE(within("10.0.0.1", "10.0.0.2"));
  CHECK(within("0.0.0.0/0", "1.2.3.4"));
  CHECK_FALSE(within("0.0.0.0/0", "::1"));
  CHECK(within("::/0", "::1"));
  CHECK(within("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(within("2001:db8::/33", "2001:db8:8000::1"));
  for (const auto* bad : {"10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/x", "10.0.0.0/-1", "/8", "10.0.0.0/8/8"})
    CHECK_FALSE(ip_network::parse(bad));
  CHECK_FALSE(ip_network::parse("10.0.0.0/8")->contains(ip_address{}));
  CHECK_FALSE(ip_network::of(*ip_address::parse("10.0.0.0"), *ip_address::parse("ffff::")));
}

}  // namespace
}  // namespace forebay
