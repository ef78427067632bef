#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "config/load.hpp"

namespace forebay::config {

using lines = std::vector<std::string>;

inline lines lines_of(const std::vector<problem>& problems) {
  lines out;
  for (const auto& each : problems)
    out.push_back(to_string(each));
  return out;
}

// What every file needs; put behind the text of a test, so that its line numbers stay.
inline const std::string one_cluster = "\n[[cluster]]\nname = \"main\"\nnodes = [ { host = \"h\" } ]\n";

inline lines errors_of(std::string_view text) {
  return lines_of(load_text(text, "f").errors);
}
inline lines warnings_of(std::string_view text) {
  return lines_of(load_text(text, "f").warnings);
}

// The settings of a text that must be right.
inline settings settings_of(std::string_view text) {
  auto result = load_text(text, "f");
  REQUIRE_MESSAGE(result.settings, doctest::String(result.errors.empty() ? "" : to_string(result.errors[0]).c_str()));
  return *std::move(result.settings);
}

// Two secrets as PostgreSQL stores them.
inline const std::string scram_secret =
    "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"
    "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=";
inline const std::string md5_secret = "md50123456789abcdef0123456789abcdef";

}  // namespace forebay::config

namespace doctest {

template <>
struct StringMaker<std::vector<std::string>> {
  static String convert(const std::vector<std::string>& all) {
    std::string out;
    for (const auto& each : all)
      out += "\n  " + each;
    return out.c_str();
  }
};

}  // namespace doctest
