#include "protocol/wire/trace.hpp"

#include "input.hpp"
#include "protocol/wire/messages.hpp"

// One printable line of bounded length for any message, and nothing in it of what is secret.
namespace forebay::fuzz {
namespace {

void check(const std::string& line, std::size_t body_size) {
  expect(line.size() <= 100 + 5 * body_size);
  for (const char c : line)
    expect(c >= ' ' && c <= '~');
}

void run(std::string_view bytes) {
  input in(bytes);
  const auto from = in.below(2) ? wire::sender::frontend : wire::sender::backend;
  const auto type = static_cast<char>(in.u8());
  const auto body = in.rest();
  const auto line = wire::trace(from, type, body);
  check(line, body.size());
  check(wire::trace(from, wire::piece{type, 100'000, body, true, false}), 0);
  check(wire::trace_startup(body), body.size());
  const bool secret = from == wire::sender::frontend && type == wire::password_message::type;
  if (secret) expect(line == wire::trace(from, type, std::string(body.size(), '?')));
}

std::vector<std::string> seeds() {
  return {in_u8(1) + "Qselect 'a\"b\\c'" + '\0',
          in_u8(1) + "psecret" + '\0',
          in_u8(1) + wire::encode(wire::bind{"p", "s", {0}, {"1", std::nullopt}, {}}).erase(1, 4),
          in_u8(0) + wire::encode(wire::error_response{{{'S', "ERROR"}, {'M', "no\n"}}}).erase(1, 4),
          in_u8(0) + wire::encode(wire::row_description{{{"id"}, {"name"}}}).erase(1, 4),
          in_u8(0) + wire::encode(wire::copy_both_response{0, {0, 1}}).erase(1, 4)};
}

const registered here{{"trace", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
