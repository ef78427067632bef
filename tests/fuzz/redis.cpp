#include "cache/redis_slots.hpp"
#include "cache/sisters.hpp"
#include "cache/stored_result.hpp"
#include "input.hpp"

// Whatever Redis may send, in any parts: replies or no protocol, and each text of them as what it might be.
namespace forebay::fuzz {
namespace {

constexpr std::size_t most = 1 << 16;

void look_at(const redis_reply& reply, std::size_t depth = 0) {
  expect(depth < 10);
  if (const auto where = redis_redirect::of(reply)) expect(where->slot < redis_slots::count && !where->node.empty());
  redis_slots slots;
  if (slots.read(reply, "asked")) expect(slots.node_of(0).empty() || slots.has(slots.node_of(0)));
  if (const auto found = stored_result::decode(reply.text, "key", most)) {
    expect(found->reply.size() <= most);
    const auto again = stored_result::decode(found->encode(100), "key", most);
    expect(again && again->reply == found->reply && again->fence == found->fence && again->ttl == found->ttl);
  }
  sister_book book(1);
  const sister_book::applier apply = [](const auto&) {};
  book.learn(reply, steady::time_point(), apply);
  if (const auto news = sister_news::decode(reply.text)) {
    const auto again = sister_news::decode(news->encode());
    expect(again && again->items == news->items && again->upto == news->upto);
    book.hear(*news, steady::time_point(), apply);
    expect(book.fence(0).of(news->who) <= std::max(news->upto, std::uint64_t{0}) || news->who == 1);
  }
  for (const auto& each : reply.items)
    look_at(each, depth + 1);
}

void run(std::string_view bytes) {
  input in(bytes);
  splitter parts(in.u32());
  auto stream = in.rest();
  redis_reader reader(most);
  while (!stream.empty()) {
    reader.feed(parts.take(stream));
    while (auto reply = reader.next())
      look_at(*reply);
    if (reader.failed()) expect(!reader.next());
  }
}

std::vector<std::string> seeds() {
  stored_result some;
  some.key = "key";
  some.reply = std::string(500, 'x') + "end";
  some.fence.set(2, 7);
  some.ttl = std::chrono::seconds(5);
  const auto text = [](const std::string& s) { return "$" + std::to_string(s.size()) + "\r\n" + s + "\r\n"; };
  std::vector<std::string> all = {
      text(some.encode(100)) + ":4000\r\n",
      text(some.encode(10000)) + ":-2\r\n$-1\r\n",
      "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n" + text("2 1 77 123/5/16384:70 tags/0/2:77"),
      "*4\r\n" + text("123/5/16384/2") + text("70") + text("2") + text("77 1"),
      "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$1\r\na\r\n:7000\r\n",
      "-MOVED 3999 127.0.0.1:6381\r\n-ASK 1 :7\r\n+OK\r\n*-1\r\n",
  };
  std::vector<std::string> seeds;
  for (const auto& each : all)
    for (const std::uint32_t split : {0U, 0x20000001U})
      seeds.push_back(in_u32(split) + each);
  return seeds;
}

const registered here{{"redis", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
