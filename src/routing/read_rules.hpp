#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/clock.hpp"
#include "core/sql_access.hpp"
#include "routing/cache_rules.hpp"
#include "routing/catalog.hpp"
#include "routing/function_lists.hpp"
#include "routing/verdicts.hpp"

// What may be read on a replica of one database: its catalog and the user's lists, worked out once. Made when either
// changes, on the control plane's thread; never changes, so any thread may ask it. It keeps nothing of the catalog.
//
// A name without a schema stands for all objects of that name, whatever the search path: one that the primary has to
// run is enough. What is not known, or has come since the catalog was read, is the primary's.
namespace forebay {

// ORDER BY, GROUP BY, DISTINCT, IN, BETWEEN, CASE, JOIN USING, UNION use these unnamed.
inline constexpr std::array<std::string_view, 6> comparing_operators = {"=", "<>", "<", ">", "<=", ">="};

class read_rules {
 public:
  read_rules(const catalog& facts, const function_lists& lists);
  read_rules(const read_rules&) = delete;  // entries point to schemas_
  read_rules& operator=(const read_rules&) = delete;

  using refusal = forebay::refusal;
  // Whether all that a text names may be read on a replica. Of a kind that is the primary's: its own reason. That it
  // may is noted in `access`, which belongs to one thread.
  std::optional<refusal> why_not(const sql_access& access) const;

  // Whether all objects that a text names are known.
  bool knows(const sql_access& access) const;

  const cache_rules& caching() const { return caching_; }
  const catalog::place& where() const { return where_; }

  // When the catalog was last found to be as these rules have it: asked at this time, or later.
  steady::time_point confirmed_at() const { return steady::time_point(steady::duration(confirmed_.load())); }
  void confirm(steady::time_point asked_at) const { confirmed_ = asked_at.time_since_epoch().count(); }

  // What a transaction of this login has that says nothing of it, nor has its session.
  transaction_modes::level isolation_of(const std::string& user) const;

  std::size_t bytes() const;  // about

 private:
  // One object by its schema; no reason: may be read.
  struct entry {
    const std::string* schema;  // in schemas_
    const char* reason;
    std::string because;  // the name of what the reason is about: its own, or of what it uses
  };
  using names = std::unordered_map<std::string, std::vector<entry>>;

  read_rules(const catalog& facts, const function_lists& lists, const catalog_users& users);
  std::optional<refusal> look_all_up(const sql_access& access) const;
  static std::optional<refusal> look_up(const names& known, const sql_name& name, const char* unknown);

  const std::uint64_t number_;                            // no others have it
  std::unordered_map<std::string, std::string> schemas_;  // each once
  names functions_, relations_, types_, operators_;
  names attributes_;                    // functions of a row that are refused
  std::optional<refusal> comparisons_;  // any operator that queries use without naming it
  std::unordered_map<std::string, transaction_modes::level> isolations_;  // by login; of "" are all others
  cache_rules caching_;
  const catalog::place where_;
  mutable std::atomic<steady::rep> confirmed_{steady::time_point::min().time_since_epoch().count()};
};
using read_rules_ptr = std::shared_ptr<const read_rules>;  // null: not known yet, so nothing may

}  // namespace forebay
