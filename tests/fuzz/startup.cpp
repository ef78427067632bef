#include "protocol/wire/startup.hpp"
#include "input.hpp"
#include "protocol/wire/trace.hpp"

// The first packet of a connection, without its length: what decodes, encodes to the same bytes.
namespace forebay::fuzz {
namespace {

void run(std::string_view body) {
  const auto packet = wire::decode_startup_packet(body);
  const auto line = wire::trace_startup(body);
  expect(line.find_first_of(std::string_view("\0\n", 2)) == line.npos);
  if (!packet) return;
  const auto bytes = std::visit([](const auto& m) { return wire::encode(m); }, *packet);
  const auto* startup = std::get_if<wire::startup_message>(&*packet);
  if (startup && startup->version >> 16 != 3) return;  // its body is not understood, so not kept
  expect(std::string_view(bytes).substr(4) == body);
  const auto again = wire::decode_startup_packet(std::string_view(bytes).substr(4));
  expect(again && *again == *packet);
}

std::vector<std::string> seeds() {
  std::vector<std::string> all;
  const auto add = [&](const auto& message) { all.push_back(wire::encode(message).substr(4)); };
  add(wire::startup_message{wire::startup_message::version_3_0, {{"user", "app"}, {"database", "db"}}});
  add(wire::startup_message{wire::startup_message::version_3_2, {{"user", "app"}, {"options", "-c a=b"}}});
  add(wire::startup_message{2U << 16, {}});
  add(wire::ssl_request{});
  add(wire::gssenc_request{});
  add(wire::cancel_request{4711, "key!"});
  return all;
}

const registered here{{"startup", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
