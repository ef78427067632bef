#include "cache/redis_codec.hpp"

#include <doctest/doctest.h>

namespace forebay {
namespace {

using kind = redis_reply::kind;

std::vector<redis_reply> read(std::string_view bytes, std::size_t step) {
  redis_reader reader(1 << 20);
  std::vector<redis_reply> all;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
    CHECK(reader.feed(bytes.substr(0, step)));
    while (auto next = reader.next())
      all.push_back(std::move(*next));
  }
  CHECK_FALSE(reader.failed());
  return all;
}

TEST_CASE("replies of all kinds, however they arrive") {
  const std::string_view bytes =
      "+OK\r\n-MOVED 1 a:1\r\n:-7\r\n$-1\r\n$4\r\na\r\nb\r\n*2\r\n$1\r\nx\r\n*1\r\n:3\r\n*-1\r\n";
  for (const std::size_t step : {1, 3, 1000}) {
    const auto all = read(bytes, step);
    REQUIRE(all.size() == 7);
    CHECK((all[0].is == kind::status && all[0].text == "OK"));
    CHECK(all[1].is_error("MOVED"));
    CHECK(all[2].number == -7);
    CHECK(all[3].is == kind::nil);
    CHECK(all[4].text == "a\r\nb");
    REQUIRE(all[5].items.size() == 2);
    CHECK(all[5].items[0].text == "x");
    CHECK(all[5].items[1].items[0].number == 3);
    CHECK(all[6].is == kind::nil);
  }
}

TEST_CASE("what is no reply, and what is too large") {
  redis_reader one(1000), other(1000);
  CHECK(one.feed("HTTP/1.1 400\r\n"));
  CHECK_FALSE(one.next());
  CHECK(one.failed());
  CHECK_FALSE(one.feed("+OK\r\n"));
  CHECK(other.feed("$5000\r\n"));
  CHECK_FALSE(other.next());
  CHECK(other.feed(std::string(900, 'x')));
  CHECK_FALSE(other.feed(std::string(900, 'x')));
}

TEST_CASE("a list may say to have more than comes") {
  redis_reader reader(1000);
  CHECK(reader.feed("*1000000000\r\n:1\r\n"));
  CHECK_FALSE(reader.next());
  CHECK_FALSE(reader.failed());
}

TEST_CASE("lists within lists, up to seven deep") {
  redis_reader reader(1000);
  CHECK(reader.feed("*2\r\n*2\r\n$1\r\na\r\n*1\r\n:1\r\n*3\r\n:2\r\n+x\r\n*0\r\n"));
  const auto reply = reader.next();
  REQUIRE(reply);
  CHECK(reply->items[0].items[0].text == "a");
  CHECK(reply->items[0].items[1].items[0].number == 1);
  CHECK(reply->items[1].items[1].is == kind::status);
  CHECK(reply->items[1].items[2].items.empty());
  std::string deep;
  for (int i = 0; i < 50; ++i)
    deep += "*1\r\n";
  CHECK(reader.feed(deep));
  CHECK_FALSE(reader.next());
  CHECK(reader.failed());
}

TEST_CASE("a command's words may hold anything") {
  std::string out;
  append_command(out, {"SET", "k", std::string_view("a\r\n\0b", 5)});
  CHECK(out == "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\n" + std::string(1, '\0') + "b\r\n");
}

}  // namespace
}  // namespace forebay
