#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/result_cache.hpp"
#include "config/config.hpp"
#include "core/parameters.hpp"
#include "routing/access.hpp"
#include "routing/hints.hpp"
#include "routing/read_rules.hpp"
#include "session/cache_request.hpp"

// What one worker knows of caching for one database and login: who asks as part of a key, which texts may be answered
// from the cache and what their results depend on, what other texts write. Used on the worker's thread.
namespace forebay {

// Of a text that is asked: whether its result may be kept.
struct cache_verdict {
  const char* reason = nullptr;  // static: why not
  std::string about;             // the function or relation that the reason is about
  std::vector<cache_clock*> depends;
  std::chrono::milliseconds ttl{0};
  std::vector<std::string> tags;
  std::shared_ptr<std::chrono::microseconds> usual_time;  // that a server takes for such a text; zero: not known
};

// Of a text that is executed: what it may write.
struct cache_writes {
  enum class when : std::uint8_t {
    never,
    with_its_transaction,  // is seen by others when that is committed
    at_once,               // may commit by itself
  };
  when seen = when::at_once;
  std::string executes{};  // and what this statement does
  bool schema = false;
  bool doubted = false;  // what it writes will be known when the catalogs are
  std::vector<cache_clock*> clocks{};
};

// Who asks, with what settings.
struct cache_scope {
  std::string key;
  const char* reason = nullptr;         // static: why the cache is not asked for this session
  cache_hint asked = cache_hint::none;  // forebay.cache
};

class cache_desk {
 public:
  struct place {
    std::string cluster, database;  // as the server calls it
    std::string login;              // on the server
    std::string user, name;         // the client's, and the database as it calls it
  };
  cache_desk(result_cache& all, place at, const config::cache& how);
  cache_desk(const cache_desk&) = delete;
  ~cache_desk();

  // Else only writes are followed, for others.
  bool reads() const { return how_.keeps_any() && all_.is_followed_by_all(); }
  result_store& store() { return all_.store; }
  result_cache& all() { return all_; }
  cache_clocks& clocks() { return clocks_; }
  void schema_changed(steady::time_point at) { all_.schema_changed(cluster_, at); }

  const cache_scope& scope_of(const parameters& wanted);
  // `on`: somebody has asked for it, where a rule or the database has it off.
  cache_verdict verdict_of(access_reader& sql, std::string_view text, const hints& asked, bool on,
                           const read_rules_ptr& rules);
  const cache_writes& writes_of(access_reader& sql, std::string_view text, const read_rules_ptr& rules);
  // There are catalogs now: what was run without them is judged by them.
  void settle_doubts(const read_rules_ptr& rules);
  // What was learned of the database was read before its schema was changed through this proxy.
  bool is_outdated(const read_rules& rules) const;

  std::string scratch;  // for a key, within one call

 private:
  // A [[cache.rule]] that may match here.
  struct rule {
    const config::cache_rule* says;  // in how_
    std::optional<std::regex> statement;
  };
  // Of all texts of one template.
  struct template_verdict {
    cache_verdict found;
    std::vector<const rule*> rules;  // those whose tables it reads, or that name none
  };

  void follow(const read_rules_ptr& rules);
  template_verdict judge(const sql_access& access) const;
  bool reads_any(const std::vector<std::string>& tables, const std::vector<catalog::oid>& relations) const;
  cache_writes judge_write(const sql_access& access) const;

  result_cache& all_;
  cache_clocks& clocks_;
  const std::string key_, login_, cluster_;
  const config::cache how_;
  std::vector<rule> matching_;
  read_rules_ptr rules_;  // by which the following were made
  template <class What>
  using by_access = std::unordered_map<const sql_access*, std::pair<sql_access_ptr, What>>;
  by_access<template_verdict> verdicts_;
  by_access<cache_writes> writes_;
  std::unordered_map<const sql_access*, sql_access_ptr> doubted_;  // null: any, of too many
  std::unordered_map<const parameter_set*, std::pair<parameters, cache_scope>> scopes_;
};

}  // namespace forebay
