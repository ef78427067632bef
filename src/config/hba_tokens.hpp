#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/hba_file.hpp"

// The words of pg_hba.conf and pg_ident.conf, as PostgreSQL takes their lines apart (its next_token()). Pure.
namespace forebay::config {

struct hba_token {
  std::string text;
  bool quoted = false;  // it begins with a quote: no keyword, no @, no +, no /
  std::uint32_t column = 1;
};
using hba_field = std::vector<hba_token>;  // between blanks; several where there are commas

struct hba_line {
  std::vector<hba_field> fields;
  std::string file;
  std::uint32_t number = 1;  // its first, where it is continued
};

// Of the file and those it includes, in order; lists in other files (@file) are in the place of their names.
std::vector<hba_line> read_hba_lines(const std::string& path, std::string_view key, const file_source& files,
                                     report& out);

// What is wrong at a token of a line, or at the line.
void complain(report& out, std::string_view key, const hba_line& line, std::uint32_t column, std::string_view text);

}  // namespace forebay::config
