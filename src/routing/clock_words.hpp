#pragma once

#include <string_view>

// Texts that mean another moment whenever they are read: "now", "today" (manual, "Special Date/Time Inputs").
namespace forebay {

// Whether a text, of SQL or a value of Bind, may have such a word in it, however it is quoted. Whole words of letters,
// for the input of dates parts words where the letters end: now_x has one, nowhere has none.
bool has_clock_words(std::string_view text);

// Whether this is a type of the system's own which takes such words.
bool reads_clock_as_text(std::string_view type);

// Types of the system's own that make the same of a text at any time.
bool reads_no_clock(std::string_view type);

}  // namespace forebay
