#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

// A TOML document as plain values with their places: what load.cpp makes of toml++'s tree, so that no other file needs
// it.
namespace forebay::config {

struct place {
  std::uint32_t line = 0;  // both from 1
  std::uint32_t column = 0;
};

struct entry;
struct item;
using array = std::vector<item>;
using table = std::vector<entry>;
struct timestamp {};  // TOML's dates and times, which no key takes

struct item {
  place at;
  std::variant<timestamp, bool, std::int64_t, double, std::string, array, table> value;
};

struct entry {
  std::string name;
  place at;  // of the name
  item value;
};

}  // namespace forebay::config
