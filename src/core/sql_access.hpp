#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/parameters.hpp"

// Where the statement of a text may run, as far as the text alone tells. Found by routing/access, once per text; what a
// database adds to it (is this function volatile, that table temporary?) is told by routing/read_rules. So is what it
// changes and whether its result may be kept, of which the database's part is told by routing/cache_rules.
namespace forebay {

struct sql_name {
  std::string schema;  // empty: found by the search path
  std::string name;

  static sql_name parse(const std::string& text);     // "schema.name" or "name"
  auto operator<=>(const sql_name&) const = default;  // NOLINT(modernize-use-nullptr): of clang-tidy 14
};

// Of BEGIN, SET TRANSACTION, SET SESSION CHARACTERISTICS. What is not said is as the session's defaults have it.
struct transaction_modes {
  enum class level : std::uint8_t { read_uncommitted, read_committed, repeatable_read, serializable };
  static level level_of(std::string_view name);  // what is not understood is taken for what only the primary can give

  std::optional<level> isolation;  // serializable: not to be had on a replica
  std::optional<bool> read_only;
  std::optional<bool> deferrable;

  bool operator==(const transaction_modes&) const = default;
};

struct sql_access {
  enum class kind : std::uint8_t {
    primary,     // for `reason`
    read,        // where all that is named below may be read
    cursor,      // DECLARE of such a read, FETCH, MOVE, CLOSE: where its transaction is
    prepare,     // PREPARE `name` AS such a read
    execute,     // EXECUTE `name`: as that was prepared, if all that is named below (in its arguments) may be read too
    deallocate,  // DEALLOCATE `name`; all if empty
    begin,       // `modes`
    set_transaction,      // SET TRANSACTION, or one of its modes as a setting: `modes`
    set_characteristics,  // SET SESSION CHARACTERISTICS: `modes`
    commit,               // COMMIT, END; AND CHAIN if `chain`
    rollback,             // ROLLBACK, ABORT; AND CHAIN if `chain`
    savepoint,            // SAVEPOINT, RELEASE, ROLLBACK TO: where the transaction is
    set,                  // SET or RESET `name` (RESET ALL if empty): of the session; SET LOCAL if `local`
    show,                 // SHOW `name`, which is the session's
  };
  kind what = kind::primary;
  const char* reason = "";  // static
  std::string name;
  bool chain = false;
  bool local = false;
  transaction_modes modes;

  // What it leaves behind for others to see, wherever it runs; functions may do more. The later is the more.
  enum class change : std::uint8_t {
    nothing,
    rows,      // of `written`: INSERT, COPY FROM, TRUNCATE, REFRESH
    keys,      // of `written`, and what foreign keys make of it: UPDATE, DELETE, MERGE
    cascade,   // TRUNCATE CASCADE of `written`: also all that refers to them
    anything,  // what is not understood, DDL, EXECUTE
  };
  change changes = change::nothing;  // of PREPARE: what EXECUTE will
  const char* fleeting = nullptr;    // static: why a read's result may not be kept; null: may, as far as the text tells

  // Sorted, each once. Of what only the primary runs: complete unless it changes anything.
  std::vector<sql_name> functions;
  std::vector<sql_name> relations;
  std::vector<sql_name> cte_or_relations;  // a WITH has this name too: no such relation may exist
  std::vector<sql_name> operators;         // those written as such
  std::vector<sql_name> types;             // what is cast to
  std::vector<sql_name> conversions;       // those of them that are given more than a literal or a parameter
  std::vector<sql_name> written;           // relations that are changed
  std::vector<std::string> attributes;     // x of a.x and (a).x: x(a) where a has no such column

  mutable std::uint64_t read_by = 0;  // for routing/read_rules: the last rules by which all of it may be read

  std::size_t bytes() const;  // of all that this holds on the heap, and itself
};
using sql_access_ptr = std::shared_ptr<const sql_access>;

inline sql_name sql_name::parse(const std::string& text) {
  const auto dot = text.find('.');
  return dot == text.npos ? sql_name{{}, text} : sql_name{text.substr(0, dot), text.substr(dot + 1)};
}

inline transaction_modes::level transaction_modes::level_of(std::string_view name) {
  if (same_name(name, "read uncommitted")) return level::read_uncommitted;
  if (same_name(name, "read committed")) return level::read_committed;
  if (same_name(name, "repeatable read")) return level::repeatable_read;
  return level::serializable;
}

inline std::size_t sql_access::bytes() const {
  const auto outside = [](const std::string& s) { return s.capacity() > 15 ? s.capacity() + 1 : 0; };
  auto all = sizeof(sql_access) + outside(name) + attributes.capacity() * sizeof(std::string);
  for (const auto& a : attributes)
    all += outside(a);
  for (const auto* names : {&functions, &relations, &cte_or_relations, &operators, &types, &conversions, &written}) {
    all += names->capacity() * sizeof(sql_name);
    for (const auto& n : *names)
      all += outside(n.schema) + outside(n.name);
  }
  return all;
}

}  // namespace forebay
