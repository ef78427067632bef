#include <tuple>

#include "input.hpp"

// Whatever the parts in which a stream arrives, the framer hands out the same messages and ends in the same way.
namespace forebay::fuzz {
namespace {

const wire::type_set splittable{'D', 'd', '\0'};

struct outcome {
  std::vector<std::tuple<char, std::uint32_t, std::string>> messages;  // the last may be unfinished
  std::string left;
  bool failed = false;
  bool at_boundary = true;

  bool operator==(const outcome&) const = default;
};

outcome play(std::string_view stream, const wire::type_set* set, splitter parts) {
  wire::framer f(set);
  outcome o;
  while (!stream.empty()) {
    o.left += parts.take(stream);
    std::string_view in = o.left;
    while (true) {
      const auto before = in;
      const auto next = f.next(in);
      o.failed = !next;
      if (!next || !*next) break;
      const auto& p = **next;
      expect(!p.raw.empty() && p.raw.data() == before.data() && p.raw.size() + in.size() == before.size());
      expect(p.first ? o.at_boundary : !o.at_boundary);
      if (p.first) o.messages.emplace_back(p.type, p.body_size, "");
      auto& [type, size, bytes] = o.messages.back();
      bytes += p.raw;
      expect(p.type == type && p.body_size == size && p.last == (bytes.size() == std::size_t{size} + 5));
      const bool whole = !(set && set->contains(type)) && size + 5 <= wire::framer::whole_limit;
      expect(p.whole() || !whole);
      o.at_boundary = p.last;
      expect(f.at_boundary() == p.last);
    }
    o.left.erase(0, o.left.size() - in.size());
    if (o.failed) return {std::move(o.messages), {}, true, o.at_boundary};
    expect(o.left.size() <= wire::framer::whole_limit + 5);
  }
  return o;
}

void run(std::string_view bytes) {
  input in(bytes);
  const auto* set = in.below(2) ? &splittable : nullptr;
  const auto seed = in.u32();
  std::string stream;
  while (!in.empty() && stream.size() < 200'000) {
    if (in.below(2) == 0) {
      stream += in.text();
    } else {  // a large message from a few bytes
      const auto type = in.u8();
      const auto size = in.u16();
      stream += in_u8(type) + in_u32(size + 4U) + std::string(size, 'x');
    }
  }
  const auto whole = play(stream, set, splitter(0));
  std::size_t total = whole.left.size();
  for (const auto& [type, size, raw] : whole.messages)
    total += raw.size();
  expect(whole.failed ? total <= stream.size() : total == stream.size());
  expect(play(stream, set, splitter(seed)) == whole);
}

std::vector<std::string> seeds() {
  const auto raw = [](std::string_view bytes) { return in_u8(0) + in_text(bytes); };
  const auto large = [](char type, std::uint16_t size) {
    return in_u8(1) + type + in_u8(size >> 8) + in_u8(size & 255);
  };
  const std::string_view two("Q\0\0\0\rselect 1\0S\0\0\0\4", 19);
  return {in_u8(0) + in_u32(0x20000007) + raw(two) + raw(two),
          in_u8(1) + in_u32(0xd0000001) + large('D', 20'000) + raw(two) + large('D', 100),
          in_u8(1) + in_u32(0xe0000001) + large('B', 16'379) + large('B', 16'380) + large('T', 40'000) + raw(two),
          in_u8(0) + in_u32(0) + raw({"X\0\0\0\3", 5}), in_u8(0) + in_u32(0) + raw({"d\x3f\xff\xff\xff++", 7})};
}

const registered here{{"framer", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
