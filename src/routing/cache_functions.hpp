#pragma once

#include <string_view>

// The system's own functions of which the catalogs alone do not tell what they mean to results that are kept.
namespace forebay {

// Stable, and their answer depends on arguments and settings only: not on the time, nor on what catalogs or tables hold
// but for what DDL changes. All overloads of the name that are stable.
bool is_stable_by_settings(std::string_view name);

// Volatile, and change no row of a table.
bool is_volatile_but_harmless(std::string_view name);

}  // namespace forebay
