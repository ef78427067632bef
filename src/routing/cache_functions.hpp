#pragma once

#include <string_view>

// The system's own functions of which the catalogs alone do not tell what they mean to results that are kept.
namespace forebay {

// Stable, and their answer depends on arguments and settings only: not on the time, nor on what catalogs or tables hold
// but for what DDL changes. All overloads of the name that are stable.
bool is_stable_by_settings(std::string_view name);

// What takes `time with time zone`, or makes it, even if it is immutable: a time of day becomes one by itself, with the
// offset that its zone has today. But for timezone(), which takes others as well.
bool takes_time_with_zone(std::string_view name);

// Volatile, and change no row of a table.
bool is_volatile_but_harmless(std::string_view name);

}  // namespace forebay
