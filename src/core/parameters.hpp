#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Run-time settings (PostgreSQL manual, "Server Configuration") as a session wants them or a server connection has
// them.
//
// A parameter_set never changes and is interned: equal sets are the same object in the whole process, so "does this
// server have what this session wants?" is one pointer comparison, and ten thousand clients of one application share
// one set.
namespace forebay {

class parameter_set;
using parameters = std::shared_ptr<const parameter_set>;

class parameter_set {
 public:
  struct entry {
    std::string name;  // as the server reports it, or as the client wrote it
    std::string value;
    bool reported = false;  // PostgreSQL tells every change of it by ParameterStatus
  };

  // Sorted by name without regard to case; a later entry of the same name replaces an earlier one.
  static parameters intern(std::vector<entry> entries);
  static parameters empty();

  const std::vector<entry>& entries() const { return entries_; }
  const entry* find(std::string_view name) const;

  // This set with one value changed or added. Returns `self` itself when nothing changes.
  static parameters with(const parameters& self, std::string_view name, std::string_view value, bool reported);
  static parameters without(const parameters& self, std::string_view name);
  // Its values that are not reported, and the reported ones of another.
  static parameters with_reported_of(const parameters& self, const parameters& other);

 private:
  std::vector<entry> entries_;
};

// The SQL that turns a session with settings `have` into one with `want`: empty when nothing differs. Settings that
// cannot be set (server_version, is_superuser ...) are left out. One SELECT of set_config calls,
// then RESETs; a role is left before and taken behind them.
std::string change_sql(const parameter_set& have, const parameter_set& want);

int compare_names(std::string_view a, std::string_view b);  // setting names do not regard case
inline bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && compare_names(a, b) == 0;
}

// The name as an SQL identifier in quotes.
std::string quote_identifier(std::string_view name);

// The text as an SQL string literal that means the same whatever standard_conforming_strings says.
std::string quote_literal(std::string_view text);

}  // namespace forebay
