#include "protocol/wire/proxy_protocol.hpp"

#include "input.hpp"

// Whatever comes first, and in however many parts: the same answer, within bounds.
namespace forebay::fuzz {
namespace {

using kind = wire::proxy_answer::kind;

void run(std::string_view bytes) {
  const auto whole = wire::find_proxy_header(bytes);
  if (whole.what == kind::found) expect(whole.header.size > 0 && whole.header.size <= bytes.size());
  expect(bytes.size() < wire::max_proxy_header || whole.what != kind::more);
  for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 8) {
    const auto part = wire::find_proxy_header(bytes.substr(0, size));
    if (part.what != kind::more) expect(part.what == whole.what && part.header.size == whole.header.size);
  }
}

std::vector<std::string> seeds() {
  const std::string binary("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x02\x12\x67\x19\x20", 28);
  return {"PROXY TCP4 192.0.2.7 10.0.0.2 4711 6432\r\nrest", "PROXY TCP6 ::1 ::2 1 2\r\n", "PROXY UNKNOWN\r\n", binary,
          binary.substr(0, 20)};
}

const registered here{{"proxy_protocol", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
