#include "routing/read_rules.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "routing/primary_functions.hpp"

namespace forebay {
namespace {

const char* why_primary(const catalog::function& f, const function_lists& lists) {
  if (matches_any(lists.write, f.schema, f.name)) return "in write_functions";
  const auto* reason = f.schema == "pg_catalog" ? why_primary_function(f.name) : nullptr;
  return reason ? reason : f.volatility == 'v' ? "volatile function" : nullptr;
}

const char* why_primary(const catalog::relation& r) {
  if (r.persistence == 't') return "temporary relation";
  if (r.persistence == 'u') return "unlogged relation";
  if (r.kind == 'f') return "foreign table";
  if (r.kind == 'S') return "sequence";  // a standby's is ahead
  if (is_systems_schema(r.schema) && !(r.schema == "pg_catalog" && is_catalog_for_drivers(r.name)))
    return "system catalog";
  return nullptr;
}

// Judges each object by itself, then spreads the refusals to all that use it.
verdicts judge_all(const catalog& facts, const function_lists& lists, const catalog_users& users) {
  verdicts all;
  for (const auto& f : facts.functions) {
    if (matches_any(lists.read, f.schema, f.name)) {
      all.set_free('f', f.id);
    } else {
      all.judge('f', f.id, f.schema, f.name, why_primary(f, lists));
    }
  }
  for (const auto& r : facts.relations)
    all.judge('r', r.id, r.schema, r.name, why_primary(r));
  for (const auto& t : facts.types)
    all.judge('t', t.id, t.schema, t.name,
              t.schema == "pg_catalog" && is_type_of_catalogs(t.name) ? "value looked up in the catalogs" : nullptr);
  all.spread(users);
  return all;
}

std::uint64_t next_number() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

read_rules::read_rules(const catalog& facts, const function_lists& lists) : read_rules(facts, lists, users_in(facts)) {}

read_rules::read_rules(const catalog& facts, const function_lists& lists, const catalog_users& users)
    : number_(next_number()), caching_(facts, lists, users, *this), where_(facts.where) {
  const auto found = judge_all(facts, lists, users);
  const auto add = [&](names& to, const std::string& schema, const std::string& name, const refusal* v) {
    const auto* kept = &schemas_.try_emplace(schema, schema).first->second;
    auto& all = to[name];
    // Overloads are one: any that is refused counts.
    const auto same = std::find_if(all.begin(), all.end(), [&](const auto& e) { return e.schema == kept; });
    if (same == all.end()) {
      all.push_back({kept, v ? v->reason : nullptr, v ? v->name : std::string()});
    } else if (v && !same->reason) {
      same->reason = v->reason;
      same->because = v->name;
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
  for (const auto sign : comparing_operators) {
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

bool read_rules::knows(const sql_access& access) const {
  const std::pair<const std::vector<sql_name>&, const names&> lists[] = {{access.functions, functions_},
                                                                         {access.relations, relations_},
                                                                         {access.types, types_},
                                                                         {access.operators, operators_}};
  return std::ranges::all_of(lists, [](const auto& list) {
    return std::ranges::all_of(list.first, [&](const auto& name) {
      const auto found = list.second.find(name.name);
      return found != list.second.end() && std::ranges::any_of(found->second, [&](const auto& e) {
               return name.schema.empty() || *e.schema == name.schema;
             });
    });
  });
}

transaction_modes::level read_rules::isolation_of(const std::string& user) const {
  auto found = isolations_.find(user);
  if (found == isolations_.end()) found = isolations_.find("");
  return found == isolations_.end() ? transaction_modes::level::repeatable_read : found->second;
}

std::size_t read_rules::bytes() const {
  std::size_t all = sizeof *this + caching_.bytes();
  for (const auto* known : {&functions_, &relations_, &types_, &operators_, &attributes_}) {
    all += known->bucket_count() * sizeof(void*);
    for (const auto& [name, entries] : *known)
      all += sizeof(names::value_type) + 2 * sizeof(void*) + (name.size() > 15 ? name.size() + 1 : 0) +
             entries.capacity() * sizeof(entry);
  }
  return all;
}

}  // namespace forebay
