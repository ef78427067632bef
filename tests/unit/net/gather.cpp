#include "net/gather.hpp"

#include <doctest/doctest.h>
#include <sys/uio.h>

#include <random>

namespace forebay {
namespace {

std::string text_of(const gather& g, std::size_t skip = 0) {
  std::string out;
  g.append_to(out, skip);
  return out;
}

std::vector<iovec> pieces_of(const gather& g, std::size_t skip = 0) {
  std::vector<iovec> pieces;
  g.fill(pieces, skip);
  return pieces;
}

std::string text_of(const std::vector<iovec>& pieces) {
  std::string out;
  for (const auto& p : pieces)
    out.append(static_cast<const char*>(p.iov_base), p.iov_len);
  return out;
}

TEST_CASE("views and copies in their order") {
  const std::string read = "hello, wide world";
  gather g;
  CHECK(g.empty());
  {
    const std::string own = "OWN ";
    g.copy(own);
  }
  g.view(std::string_view(read).substr(0, 5));
  g.copy("!");
  g.view(std::string_view(read).substr(7));
  g.view("");
  g.copy("");
  CHECK(g.size() == 20);
  CHECK(text_of(g) == "OWN hello!wide world");
  CHECK(text_of(pieces_of(g)) == text_of(g));
  CHECK(pieces_of(g).size() == 4);
}

TEST_CASE("neighbours in memory become one piece, also of our own bytes") {
  const std::string read = "abcdef";
  gather g;
  g.view(std::string_view(read).substr(0, 2));
  g.view(std::string_view(read).substr(2, 3));
  CHECK(pieces_of(g).size() == 1);
  g.copy("1");
  g.copy("2");
  CHECK(pieces_of(g).size() == 2);
  CHECK(text_of(g) == "abcde12");
}

TEST_CASE("our own bytes stay right when they grow") {
  gather g;
  std::string expected;
  const std::string view = "-";
  for (int i = 0; i < 5000; ++i) {
    g.copy(std::to_string(i));
    g.view(view);
    expected += std::to_string(i) + view;
  }
  CHECK(text_of(g) == expected);
}

TEST_CASE("from any byte on, in as many calls as it takes") {
  std::mt19937 random(3);
  const std::string read(3000, 'r');
  gather g;
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    const auto bytes = std::string_view(read).substr(random() % 2900, 1 + random() % 60);
    if (random() % 2) {
      g.view(bytes);
    } else {
      g.copy(std::to_string(i));
    }
  }
  g.append_to(expected, 0);
  REQUIRE(expected.size() == g.size());
  for (std::size_t skip = 0; skip <= expected.size(); skip += 7)
    CHECK(text_of(g, skip) == expected.substr(skip));
  std::string sent;
  while (sent.size() < g.size()) {
    const auto pieces = pieces_of(g, sent.size());
    REQUIRE(!pieces.empty());
    CHECK(pieces.size() <= 64);
    sent += text_of(pieces).substr(0, 1 + random() % 500);  // as a kernel that takes only a part
  }
  CHECK(sent == expected);
  CHECK(pieces_of(g, g.size()).empty());
}

TEST_CASE("cleared, it is as new") {
  gather g;
  g.copy(std::string(200'000, 'x'));
  g.view("abc");
  g.clear();
  CHECK(g.empty());
  CHECK(pieces_of(g).empty());
  g.copy("y");
  CHECK(text_of(g) == "y");
}

}  // namespace
}  // namespace forebay
