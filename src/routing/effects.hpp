#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/sql_effects.hpp"

// What a statement may leave behind in the state of its server session, from the words of its text: cheap, and wrong
// only on the safe side. Where it finds nothing there is nothing; else the classifier may know better.
namespace forebay {

// From the text, before it runs; the zero byte that ends it in a Query may be there. Large texts are scanned in pieces:
// a word over a border is found when `tail`, what effects_tail_of() made of the pieces before, is given.
effect::mask scan_effects(std::string_view text);
effect::mask scan_effects_of_piece(std::string_view tail, std::string_view piece);
std::string effects_tail_of(std::string_view tail, std::string_view piece);
inline constexpr std::size_t effects_tail = 48;  // its bytes at most

}  // namespace forebay
