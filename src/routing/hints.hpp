#pragma once

#include <string_view>

// What the comments ahead of a statement ask for: /* forebay: route=replica, cache=off */ SELECT ...
namespace forebay {

// The value of `route`; empty: nothing is said. Of several comments the first that says it counts.
std::string_view hinted_route(std::string_view text);

// Of SHOW name: the name; empty: it is something else.
std::string_view shown_setting(std::string_view text);

}  // namespace forebay
