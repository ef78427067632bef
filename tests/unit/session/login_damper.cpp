#include "session/login_damper.hpp"

#include <doctest/doctest.h>

namespace forebay {
namespace {

using namespace std::chrono_literals;

const auto here = ip_address::parse("10.0.0.1").value();
const auto start = steady::time_point{} + 1h;

TEST_CASE("logins wait where many have failed") {
  login_damper d;
  const auto delay = [&](steady::time_point at) { return d.delay(here, at, 1s); };
  for (int i = 0; i < 10; ++i)
    d.failed(here, start);
  CHECK(delay(start) == 0ms);
  d.failed(here, start);
  CHECK(delay(start) == 100ms);
  d.failed(here, start);
  CHECK(delay(start) == 200ms);
  for (int i = 0; i < 100; ++i)
    d.failed(here, start);
  CHECK(delay(start) == 1s);
  CHECK(d.delay(here, start, 0s) == 0ms);
  CHECK(d.delay(ip_address::parse("10.0.0.2").value(), start, 1s) == 0ms);
  CHECK(delay(start + 2min) == 0ms);  // forgiven
  CHECK(delay(start + 1s) == 1s);
}

TEST_CASE("an IPv6 client has a whole /64; a Unix socket is nobody") {
  login_damper d;
  for (int i = 0; i < 20; ++i)
    d.failed(ip_address::parse("2001:db8::" + std::to_string(i)).value(), start);
  CHECK(d.delay(ip_address::parse("2001:db8::ffff").value(), start, 1s) == 1s);
  CHECK(d.delay(ip_address::parse("2001:db8:0:1::1").value(), start, 1s) == 0ms);
  for (int i = 0; i < 20; ++i)
    d.failed({}, start);
  CHECK(d.delay({}, start, 1s) == 0ms);
}

TEST_CASE("it does not grow for ever") {
  login_damper d;
  ip_address each = here;
  for (unsigned i = 0; i < 50'000; ++i) {
    each.bytes[1] = static_cast<std::uint8_t>(i >> 16);
    each.bytes[2] = static_cast<std::uint8_t>(i >> 8);
    each.bytes[3] = static_cast<std::uint8_t>(i);
    d.failed(each, start + i * 1ms);
  }
  CHECK(d.size() <= 20'000);
}

}  // namespace
}  // namespace forebay
