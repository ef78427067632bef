#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/sql_access.hpp"
#include "core/text_cache.hpp"

// Where the statement of a text may run, by PostgreSQL's own grammar. A text that is not read (too large, nested too
// deeply, several statements, not of this grammar) is for the primary: it may do anything.
//
//   if (!reads_as_written(text, settings of the server)) -> primary (routing/sql_scan)
//   const auto access = reader.access_of(text);
//   if (access->what == sql_access::kind::read && !rules->why_not(*access)) -> any node
namespace forebay {

// By the grammar, whatever it takes: 10 us and more. Any thread whose stack holds the parser (net/worker).
sql_access read_access(const std::string& text);

// Remembers verdicts by text, and by template (routing/sql_template), so that texts that differ in their literals only
// are read once. One per worker, used on its thread only.
class access_reader {
 public:
  sql_access_ptr access_of(std::string_view text);

  // The same, and what it changes: access_of() does not look into what begins with a word of the primary's. For who
  // keeps results.
  sql_access_ptr writes_of(std::string_view text);

  // A replica has refused it as a write (25006), whatever was thought of it: the primary's, for as long as it is
  // remembered.
  void learn_write(std::string_view text);

  static constexpr std::size_t max_bytes = 2 * 1024 * 1024;  // of what is remembered

  std::size_t bytes() const { return known_.bytes(); }
  std::size_t parsed() const { return parsed_; }  // how often the grammar was asked

 private:
  std::string_view key_of(std::string_view text, bool has_template);
  sql_access_ptr read(std::string_view text, bool has_template);

  text_cache<sql_access_ptr> known_{max_bytes};
  std::size_t parsed_ = 0;
  std::string template_;
};

}  // namespace forebay
