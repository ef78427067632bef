#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/sql_access.hpp"
#include "routing/catalog.hpp"
#include "routing/function_lists.hpp"
#include "routing/verdicts.hpp"

// What results of one database may be kept, what they depend on, and what a write touches. Part of its read_rules: made
// with them, never changes, any thread.
//
//   if (!rules->caching().why_not(access) && !has_clock_words(text, and each text of Bind)) -> may be kept until one of
//   rules->caching().depends_on(access) is written
//
// A name without a schema stands for all objects of that name. What is not known may not be kept, and a write of it may
// have changed anything.
namespace forebay {

class read_rules;

class cache_rules {
 public:
  using oid = catalog::oid;

  cache_rules(const catalog& facts, const function_lists& lists, const catalog_users& users, const read_rules& reading);
  cache_rules(const cache_rules&) = delete;
  cache_rules& operator=(const cache_rules&) = delete;

  // A result that is found by its text, its parameters, its user and roles, and all settings: may it be kept at all?
  std::optional<refusal> why_not(const sql_access& access) const;

  // All relations whose rows may be in it, sorted: of views also those below them, with partitions and children.
  std::vector<oid> depends_on(const sql_access& access) const;

  // All relations whose rows a statement may change, sorted; nothing: it may be any. It is asked of every statement,
  // for a SELECT may call a function that writes.
  std::optional<std::vector<oid>> written_by(const sql_access& access) const;

  std::size_t bytes() const;  // about

 private:
  // What is said against objects, by their names.
  struct objections {
    struct entry {
      std::string schema;
      refusal why;
    };
    using names = std::unordered_map<std::string, std::vector<entry>>;
    names functions, relations, types, operators, attributes;
    std::optional<refusal> comparisons;

    std::optional<refusal> of(const sql_access& access) const;
    static std::optional<refusal> look_up(const names& known, const sql_name& name);
  };
  struct place {
    std::string schema;
    oid id;
  };
  using edges = std::vector<std::pair<oid, oid>>;  // sorted

  void add_relations(const catalog& facts);
  objections by_name(const catalog& facts, const verdicts& found) const;
  objections to_keeping(const catalog& facts, const catalog_users& users) const;
  objections to_zones(const catalog& facts, const catalog_users& users) const;
  objections to_writing(const catalog& facts, const function_lists& lists, const catalog_users& users);
  bool may_read_clock(const sql_name& type) const;
  bool find(const sql_name& name, std::vector<oid>& into) const;  // false: none

  const read_rules& reading_;
  std::unordered_map<std::string, std::vector<place>> relations_;
  edges below_;                                // what is read with a relation
  edges above_;                                // the parents of partitions and children
  std::vector<catalog::foreign_key> keys_;     // by what is referred to
  objections fleeting_;                        // the results of these change though no row does
  objections times_;                           // they do where a time zone is put to them
  objections unknown_;                         // these may write what they want
  std::unordered_set<oid> unknown_writes_;     // and so may what a write of these runs
  std::unordered_set<std::string> own_types_;  // that have the name of one of the system's
};

}  // namespace forebay
