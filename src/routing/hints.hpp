#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "config/config.hpp"

// What the comments ahead of a statement ask for: /* forebay: route=replica, cache=off */ SELECT ...
// Keys that are not known and values that mean nothing are passed over; of several the first that means something
// counts.
namespace forebay {

enum class cache_hint : std::uint8_t { none, off, on, refresh };

// Texts are parts of the statement's.
struct hints {
  std::string_view route;  // as written
  cache_hint cache = cache_hint::none;
  std::optional<config::duration> ttl;  // more than nothing
  std::vector<std::string_view> tags;   // of tags=a+b
  std::string terms;  // that what is kept for it is found by, besides its text: whoever asks for others gets others
};
hints hints_of(std::string_view text);
cache_hint cache_hint_of(std::string_view word);

// The value of `route` alone; empty: nothing is said.
std::string_view hinted_route(std::string_view text);

// Of SHOW name: the name; empty: it is something else.
std::string_view shown_setting(std::string_view text);

}  // namespace forebay
