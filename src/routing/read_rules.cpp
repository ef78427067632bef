#include "routing/read_rules.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <unordered_set>

#include "routing/primary_functions.hpp"

namespace forebay {
namespace {

// ORDER BY, GROUP BY, DISTINCT, IN, BETWEEN, CASE, JOIN USING, UNION use these unnamed.
constexpr std::array<std::string_view, 6> comparing = {"=", "<>", "<", ">", "<=", ">="};

bool is_systems(std::string_view schema) {
  return schema == "pg_catalog" || schema == "information_schema" || schema == "pg_toast";
}

std::string full_name(const std::string& schema, const std::string& name) {
  return schema.empty() ? name : schema + '.' + name;
}

std::uint64_t next_number() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

// Judges each object by itself, then spreads the refusals to all that use it.
class read_rules::resolver {
 public:
  struct verdict {
    const char* reason = nullptr;
    std::string because;
  };

  resolver(const catalog& facts, const function_lists& lists) {
    for (const auto& f : facts.functions) {
      if (matches_any(lists.read, f.schema, f.name)) {
        free_.insert(key('f', f.id));
      } else {
        judge('f', f.id, f.schema, f.name, of(f, lists));
      }
    }
    for (const auto& r : facts.relations)
      judge('r', r.id, r.schema, r.name, of(r));
    for (const auto& t : facts.types)
      judge('t', t.id, t.schema, t.name,
            t.schema == "pg_catalog" && is_type_of_catalogs(t.name) ? "value looked up in the catalogs" : nullptr);
    spread(facts);
  }

  // Null: may be read.
  const verdict* of(char kind, catalog::oid id) const {
    const auto found = refused_.find(key(kind, id));
    return found == refused_.end() ? nullptr : &found->second;
  }

 private:
  using object = std::uint64_t;
  static object key(char kind, catalog::oid id) { return static_cast<object>(kind) << 32 | id; }

  void judge(char kind, catalog::oid id, const std::string& schema, const std::string& name, const char* reason) {
    if (!reason) return;
    refused_.emplace(key(kind, id), verdict{reason, full_name(schema, name)});
    fresh_.push_back(key(kind, id));
  }

  static const char* of(const catalog::function& f, const function_lists& lists) {
    if (matches_any(lists.write, f.schema, f.name)) return "in write_functions";
    const auto* reason = f.schema == "pg_catalog" ? why_primary_function(f.name) : nullptr;
    return reason ? reason : f.volatility == 'v' ? "volatile function" : nullptr;
  }

  static const char* of(const catalog::relation& r) {
    if (r.persistence == 't') return "temporary relation";
    if (r.persistence == 'u') return "unlogged relation";
    if (r.kind == 'f') return "foreign table";
    if (r.kind == 'S') return "sequence";  // a standby's is ahead
    if (is_systems(r.schema) && !(r.schema == "pg_catalog" && is_catalog_for_drivers(r.name))) return "system catalog";
    return nullptr;
  }

  void spread(const catalog& facts) {
    std::unordered_map<object, std::vector<object>> users;
    for (const auto& u : facts.uses)
      users[key(u.used_kind, u.used)].push_back(key(u.user_kind, u.user));
    while (!fresh_.empty()) {
      const auto used = fresh_.back();
      fresh_.pop_back();
      const auto found = users.find(used);
      if (found == users.end()) continue;
      const auto why = refused_.at(used);
      for (const auto user : found->second)
        if (!free_.contains(user) && refused_.emplace(user, why).second) fresh_.push_back(user);
    }
  }

  std::unordered_map<object, verdict> refused_;
  std::unordered_set<object> free_;  // by read_functions
  std::vector<object> fresh_;        // whose users are not told yet
};

read_rules::read_rules(const catalog& facts, const function_lists& lists) : number_(next_number()) {
  const resolver found(facts, lists);
  const auto add = [&](names& to, const std::string& schema, const std::string& name, const resolver::verdict* v) {
    const auto* kept = &schemas_.try_emplace(schema, schema).first->second;
    auto& all = to[name];
    // Overloads are one: any that is refused counts.
    const auto same = std::find_if(all.begin(), all.end(), [&](const auto& e) { return e.schema == kept; });
    if (same == all.end()) {
      all.push_back({kept, v ? v->reason : nullptr, v ? v->because : std::string()});
    } else if (v && !same->reason) {
      same->reason = v->reason;
      same->because = v->because;
    }
  };
  for (const auto& f : facts.functions) {
    const auto* v = found.of('f', f.id);
    add(functions_, f.schema, f.name, v);
    if (v && f.takes_row) add(attributes_, f.schema, f.name, v);
  }
  for (const auto& r : facts.relations)
    add(relations_, r.schema, r.name, found.of('r', r.id));
  for (const auto& t : facts.types)
    add(types_, t.schema, t.name, found.of('t', t.id));
  for (const auto& o : facts.operators)
    add(operators_, o.schema, o.name, o.function ? found.of('f', o.function) : nullptr);
  // What the information schema calls by a name that others use is not it.
  for (auto& [name, all] : relations_) {
    if (all.size() > 1) std::erase_if(all, [](const auto& e) { return *e.schema == "information_schema"; });
  }
  for (const auto& i : facts.isolations) {
    // Hidden, it may be any. Serializable ones a replica refuses, so what it has to be safe from is the other.
    using level = transaction_modes::level;
    isolations_[i.role] = i.level.empty() ? level::repeatable_read : transaction_modes::level_of(i.level);
  }
  for (const auto sign : comparing) {
    const auto refused = look_up(operators_, {"", std::string(sign)}, "unknown operator");
    if (!comparisons_) comparisons_ = refused;
  }
}

std::optional<read_rules::refusal> read_rules::look_up(const names& known, const sql_name& name, const char* unknown) {
  const auto found = known.find(name.name);
  bool any = false;
  if (found != known.end()) {
    for (const auto& e : found->second) {
      if (!name.schema.empty() && *e.schema != name.schema) continue;
      if (e.reason) return refusal{e.reason, e.because};
      any = true;
    }
  }
  if (any || !unknown) return std::nullopt;
  return refusal{unknown, full_name(name.schema, name.name)};
}

std::optional<read_rules::refusal> read_rules::why_not(const sql_access& access) const {
  if (access.what == sql_access::kind::primary) return refusal{access.reason, {}};
  if (access.read_by == number_) return std::nullopt;
  auto refused = look_all_up(access);
  if (!refused) access.read_by = number_;
  return refused;
}

std::optional<read_rules::refusal> read_rules::look_all_up(const sql_access& access) const {
  struct {
    const std::vector<sql_name>& asked;
    const names& known;
    const char* unknown;
  } const lists[] = {
      {access.functions, functions_, "unknown function"}, {access.relations, relations_, "unknown relation"},
      {access.cte_or_relations, relations_, nullptr},     {access.types, types_, "unknown type"},
      {access.operators, operators_, "unknown operator"},
  };
  for (const auto& list : lists) {
    for (const auto& name : list.asked)
      if (auto refused = look_up(list.known, name, list.unknown)) return refused;
  }
  if (!attributes_.empty()) {
    for (const auto& name : access.attributes)
      if (auto refused = look_up(attributes_, {"", name}, nullptr)) return refused;
  }
  return comparisons_;
}

transaction_modes::level read_rules::isolation_of(const std::string& user) const {
  auto found = isolations_.find(user);
  if (found == isolations_.end()) found = isolations_.find("");
  return found == isolations_.end() ? transaction_modes::level::repeatable_read : found->second;
}

std::size_t read_rules::bytes() const {
  std::size_t all = sizeof *this;
  for (const auto* known : {&functions_, &relations_, &types_, &operators_, &attributes_}) {
    all += known->bucket_count() * sizeof(void*);
    for (const auto& [name, entries] : *known)
      all += sizeof(names::value_type) + 2 * sizeof(void*) + (name.size() > 15 ? name.size() + 1 : 0) +
             entries.capacity() * sizeof(entry);
  }
  return all;
}

}  // namespace forebay
