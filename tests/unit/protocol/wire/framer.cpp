#include "protocol/wire/framer.hpp"

#include <algorithm>
#include <random>
#include <vector>

#include "support.hpp"

using namespace forebay::wire;
using namespace forebay::wire::test;

namespace {

const type_set splittable{'d', 'D'};

std::string message(char type, std::size_t body_size) {
  std::string bytes;
  writer w(bytes);
  w.begin(type);
  for (std::size_t i = 0; i < body_size; ++i)
    w.u8(static_cast<std::uint8_t>(i * 7 + body_size));
  w.finish();
  return bytes;
}

// take_whole() at this place gives what a framer gives, if that is whole.
bool same_whole(std::string_view in) {
  std::string_view rest = in, left = in;
  const auto next = framer().next(rest);
  piece p;
  const bool whole = take_whole(left, p);
  if (!next || !*next || !(*next)->whole()) return !whole && left == in;
  return whole && p.type == (*next)->type && p.body_size == (*next)->body_size && p.raw == (*next)->raw && p.whole() &&
         left == rest;
}

// What came out of a framer, put together again; checks on the way what the header promises of each piece.
struct collector {
  framer f{&splittable};
  std::string kept;                   // received and not yet taken
  std::vector<std::string> complete;  // messages
  std::string open;                   // the message that is being handed out
  std::size_t pieces = 0;
  bool failed = false;

  void receive(std::string_view bytes) {
    kept += bytes;
    std::string_view in = kept;
    while (true) {
      const auto before = in;
      const auto next = f.next(in);
      failed = next.has_error();
      if (failed || !*next) break;
      const piece& p = **next;
      REQUIRE(p.raw.data() == before.data());
      REQUIRE(before.size() == p.raw.size() + in.size());
      take(p);
    }
    kept = std::string(in);
    CHECK(kept.size() <= framer::whole_limit + 5);
  }

  void take(const piece& p) {
    ++pieces;
    REQUIRE_FALSE(p.raw.empty());
    REQUIRE(p.first == open.empty());
    open += p.raw;
    REQUIRE(p.type == open[0]);
    REQUIRE(p.body() == p.raw.substr(p.first ? 5 : 0));
    const auto total = std::size_t{p.body_size} + 5;
    REQUIRE(open.size() <= total);
    REQUIRE(p.last == (open.size() == total));
    REQUIRE(f.at_boundary() == p.last);
    if (!splittable.contains(p.type)) {
      if (total <= framer::whole_limit) REQUIRE(p.whole());
      if (p.first) REQUIRE(p.raw.size() >= std::min<std::size_t>(total, framer::whole_limit));
    }
    if (p.last) complete.push_back(std::exchange(open, {}));
  }
};

// A random stream: mostly small messages, some around the limit, some far above.
std::vector<std::string> random_messages(std::mt19937& random) {
  std::vector<std::string> messages;
  for (int i = 0; i < 15; ++i) {
    const char type = "dDQBZ"[random() % 5];
    const auto dice = random() % 10;
    const auto size = dice < 7   ? random() % 64
                      : dice < 9 ? framer::whole_limit - 10 + random() % 20
                                 : framer::whole_limit + random() % 100'000;
    messages.push_back(message(type, size));
  }
  return messages;
}

}  // namespace

TEST_CASE("framer: whatever the splits, the same messages come out") {
  std::mt19937 random(1);
  for (int round = 0; round < 60; ++round) {
    const auto messages = random_messages(random);
    std::string stream;
    for (const auto& m : messages)
      stream += m;
    collector c;
    const std::size_t most = round % 3 == 0 ? 7 : round % 3 == 1 ? 3000 : 60'000;
    for (std::size_t at = 0; at < stream.size();) {
      const auto size = std::min<std::size_t>(1 + random() % most, stream.size() - at);
      c.receive(std::string_view(stream).substr(at, size));
      at += size;
    }
    CHECK_FALSE(c.failed);
    CHECK(c.kept.empty());
    CHECK(c.complete == messages);
    CHECK(c.f.at_boundary());
  }
}

TEST_CASE("framer: one byte at a time is as all at once") {
  const std::vector<std::string> messages{message('Q', 9), message('S', 0), message('d', 3), message('D', 40),
                                          message('B', 20'000)};
  std::string stream;
  for (const auto& m : messages)
    stream += m;
  collector slow;
  for (const char c : stream)
    slow.receive({&c, 1});
  collector fast;
  fast.receive(stream);
  CHECK(slow.complete == messages);
  CHECK(fast.complete == messages);
  CHECK(fast.pieces == messages.size());
}

TEST_CASE("framer: what is there as a whole comes as a whole, of any type and size") {
  for (const char type : {'d', 'Q'}) {
    for (const std::size_t size : {0U, 1U, framer::whole_limit, 300'000U}) {
      collector c;
      c.receive(message(type, size));
      CHECK(c.pieces == 1);
      CHECK(c.complete.size() == 1);
    }
  }
}

TEST_CASE("framer: nothing comes before the header") {
  for (const char type : {'d', 'Q'}) {
    const auto bytes = message(type, 100);
    for (std::size_t size = 0; size < 5; ++size) {
      std::string_view in(bytes.data(), size);
      framer f{&splittable};
      const auto next = f.next(in);
      REQUIRE(next.has_value());
      CHECK_FALSE(*next);
      CHECK(in.size() == size);
      CHECK(f.at_boundary());
    }
  }
}

TEST_CASE("framer: splittable types come as soon as the header is there") {
  const auto bytes = message('d', 100);
  collector c;
  c.receive(std::string_view(bytes).substr(0, 5));
  CHECK(c.pieces == 1);
  CHECK(c.open.size() == 5);
  CHECK_FALSE(c.f.at_boundary());
  c.receive(std::string_view(bytes).substr(5, 1));
  CHECK(c.pieces == 2);
  c.receive({});
  CHECK(c.pieces == 2);
  c.receive(std::string_view(bytes).substr(6));
  CHECK(c.complete == std::vector{bytes});
}

TEST_CASE("framer: at the limit") {
  const auto total_of = [](std::size_t total) { return message('B', total - 5); };
  SUBCASE("a message of whole_limit bytes waits for its last byte") {
    const auto bytes = total_of(framer::whole_limit);
    collector c;
    c.receive(std::string_view(bytes).substr(0, bytes.size() - 1));
    CHECK(c.pieces == 0);
    c.receive(std::string_view(bytes).substr(bytes.size() - 1));
    CHECK(c.pieces == 1);
  }
  SUBCASE("one of a byte more is begun with whole_limit bytes, and not before") {
    const auto bytes = total_of(framer::whole_limit + 1);
    collector c;
    c.receive(std::string_view(bytes).substr(0, framer::whole_limit - 1));
    CHECK(c.pieces == 0);
    c.receive(std::string_view(bytes).substr(framer::whole_limit - 1, 1));
    CHECK(c.pieces == 1);
    CHECK(c.open.size() == framer::whole_limit);
    c.receive(std::string_view(bytes).substr(framer::whole_limit));
    CHECK(c.complete == std::vector{bytes});
  }
}

TEST_CASE("framer: without a set no type is splittable") {
  framer f;
  const auto bytes = message('d', 100);
  std::string_view in = std::string_view(bytes).substr(0, 50);
  CHECK_FALSE(*f.next(in));
}

TEST_CASE("framer: hostile lengths fail, and go on failing the same way") {
  const auto check_refused = [](std::string_view length, errc why) {
    for (const char type : {'d', 'Q'}) {
      const auto bytes = std::string(1, type) + std::string(length) + "body";
      std::string_view in = bytes;
      framer f{&splittable};
      const auto before = allocated();
      const auto first = f.next(in);
      CHECK(allocated() == before);
      CHECK(first.error() == make_error_code(why));
      const auto good = message('S', 0);
      std::string_view after = good;
      CHECK(f.next(after).error() == make_error_code(why));
      CHECK(after.size() == good.size());
    }
  };
  for (const auto length : {"\0\0\0\0"sv, "\0\0\0\x01"sv, "\0\0\0\x02"sv, "\0\0\0\x03"sv}) {
    check_refused(length, errc::length_too_small);
  }
  for (const auto length : {"\x40\0\0\x04"sv, "\x7f\xff\xff\xff"sv, "\x80\0\0\0"sv, "\xff\xff\xff\xff"sv}) {
    check_refused(length, errc::length_too_large);
  }
}

TEST_CASE("framer: the largest message there is, in pieces, in no memory") {
  constexpr auto header = "\x40\0\0\x03"sv;  // max_body and the length itself
  const std::string chunk(1 << 20, 'x');
  for (const char type : {'d', 'B'}) {
    const auto start = std::string(1, type) + std::string(header) + std::string(framer::whole_limit, 'x');
    framer f{&splittable};
    const auto before = allocated();
    std::string_view in = start;
    auto next = f.next(in);
    std::size_t body = (*next)->body().size();
    CHECK((*next)->first);
    CHECK((*next)->body_size == framer::max_body);
    bool last = false;
    while (!last) {
      in = chunk;
      next = f.next(in);
      body += (*next)->raw.size();
      last = (*next)->last;
    }
    CHECK(body == framer::max_body);
    CHECK(in.size() == chunk.size() - ((framer::max_body - framer::whole_limit) % chunk.size()));
    CHECK(f.at_boundary());
    CHECK(allocated() == before);
  }
}
TEST_CASE("take_whole: what a framer hands out whole") {
  const auto bytes = message('Q', 10) + message('S', 0) + message('d', 40000);
  for (std::size_t at : {0, 15, 20})
    for (std::size_t size = 0; size <= bytes.size() - at; size += size < 50 ? 1 : 100)
      REQUIRE(same_whole(std::string_view(bytes).substr(at, size)));
  for (const std::string_view length : {"\0\0\0\0", "\0\0\0\3", "\0\0\0\4", "\x40\0\0\4", "\xff\xff\xff\xff"})
    CHECK(same_whole("Q" + std::string(length.data(), 4) + "xx"));
}
