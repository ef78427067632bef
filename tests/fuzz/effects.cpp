#include "routing/effects.hpp"

#include <algorithm>

#include "input.hpp"

// A large text is scanned in pieces: that finds at least what a scan of the whole finds. And a text that follows
// another takes nothing back of what was found in that.
namespace forebay::fuzz {
namespace {

constexpr effect::mask words = effect::set_function | effect::advisory_lock | effect::temporary | effect::hold_cursor;

void run(std::string_view bytes) {
  input in(bytes);
  const auto seed = in.u32();
  const auto blanks = in.u8();
  auto text = std::string(in.rest());
  text.resize(std::min(text.size(), text.find('\0')));  // where a Query's text ends
  if (const auto at = text.find('_'); at != text.npos && blanks > 64) text.replace(at, 1, blanks, ' ');
  const auto whole = scan_effects(text);

  splitter parts(seed);
  std::string_view rest = text;
  auto piece = parts.take(rest);
  auto found = scan_effects(piece) | scan_effects_of_piece({}, piece);
  std::string tail = effects_tail_of({}, piece);
  while (!rest.empty()) {
    piece = parts.take(rest);
    found |= scan_effects_of_piece(tail, piece);
    tail = effects_tail_of(tail, piece);
    expect(tail.size() <= effects_tail);
  }
  expect((whole & words & ~found) == 0);

  const auto semicolon = text.find(';');
  if (semicolon == text.npos) return;
  const auto first = scan_effects(text.substr(0, semicolon)), second = scan_effects(text.substr(semicolon + 1));
  expect(((first | second) & words & ~whole) == 0);
}

std::vector<std::string> seeds() {
  std::vector<std::string> all;
  for (const std::string text :
       {"create temp table a (x int); create temporary table b (x int) on commit drop", "select 1 into_temp x",
        "/* */ set search_path = 'a'; select set_config('a', 'b', false)",
        "declare c cursor with_hold for select pg_advisory_lock(1)", "create_temp view v as select 1",
        "reset all; listen a", "prepare transaction 'x'; load 'lib'; set local a = 1; create table pg_temp.x ()"}) {
    all.push_back(in_u32(0x20000003) + in_u8(0) + text);
    all.push_back(in_u32(0x50000003) + in_u8(200) + text);
  }
  return all;
}

const registered here{{"effects", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
