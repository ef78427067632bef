#include "routing/cache_rules.hpp"

#include <algorithm>

#include "routing/cache_functions.hpp"
#include "routing/clock_words.hpp"
#include "routing/read_rules.hpp"

namespace forebay {
namespace {

using change = sql_access::change;

constexpr catalog::oid first_of_users = 16384;  // FirstNormalObjectId

bool is_systems(const catalog::function& f) {
  return f.schema == "pg_catalog" && f.id < first_of_users;
}

// Why a result that calls it may be another though no row has changed.
const char* why_fleeting(const catalog::function& f) {
  if (is_systems(f) && takes_time_with_zone(f.name)) return "time with today's time zone";
  if (f.volatility == 'v') return "volatile function";
  if (f.volatility == 'i') return nullptr;
  if (!is_systems(f)) return "stable function of a user";
  return is_stable_by_settings(f.name) ? nullptr : "function of the time or the catalogs";
}

const char* why_fleeting(const catalog::relation& r) {
  if (r.guarded) return "row level security";
  if (r.persistence == 't') return "temporary relation";
  if (r.persistence == 'u') return "unlogged relation";  // empty after a crash
  if (r.kind == 'f') return "foreign table";
  if (r.kind == 'S') return "sequence";
  return is_systems_schema(r.schema) ? "system catalog" : nullptr;
}

// Why it may write anything.
const char* why_unknown(const catalog::function& f, const function_lists& lists) {
  if (matches_any(lists.write, f.schema, f.name)) return "in write_functions";
  if (f.volatility != 'v' || (is_systems(f) && is_volatile_but_harmless(f.name))) return nullptr;
  return "volatile function";
}

// Why a write of it may write anything else.
const char* why_unknown(const catalog::relation& r) {
  if (r.acts) return "triggers or rules";
  if (r.kind == 'f') return "foreign table";  // the other server may be this one
  return is_systems_schema(r.schema) ? "system catalog" : nullptr;
}

template <class Edges>
auto edges_of(const Edges& all, catalog::oid from) {
  const auto first = std::lower_bound(all.begin(), all.end(), std::pair(from, catalog::oid{0}));
  return std::pair(first, std::lower_bound(first, all.end(), std::pair(from + 1, catalog::oid{0})));
}

}  // namespace

cache_rules::cache_rules(const catalog& facts, const function_lists& lists, const catalog_users& users,
                         const read_rules& reading)
    : reading_(reading) {
  add_relations(facts);
  fleeting_ = to_keeping(facts, users);
  times_ = to_zones(facts, users);
  unknown_ = to_writing(facts, lists, users);
  for (const auto& t : facts.types)
    if (t.schema != "pg_catalog" && reads_no_clock(t.name)) own_types_.insert(t.name);
}

void cache_rules::add_relations(const catalog& facts) {
  std::unordered_set<oid> views;
  for (const auto& r : facts.relations) {
    relations_[r.name].push_back({r.schema, r.id});
    if (r.kind == 'v') views.insert(r.id);
  }
  // As read_rules have it.
  for (auto& [name, all] : relations_)
    if (all.size() > 1) std::erase_if(all, [](const auto& p) { return p.schema == "information_schema"; });
  for (const auto& u : facts.uses) {
    if (u.user_kind != 'r' || u.used_kind != 'r') continue;
    below_.emplace_back(u.user, u.used);
    if (!views.contains(u.user)) above_.emplace_back(u.used, u.user);
  }
  std::sort(below_.begin(), below_.end());
  std::sort(above_.begin(), above_.end());
  keys_ = facts.foreign_keys;
  std::sort(keys_.begin(), keys_.end(), [](const auto& a, const auto& b) { return a.of < b.of; });
}

cache_rules::objections cache_rules::by_name(const catalog& facts, const verdicts& found) const {
  objections all;
  const auto add = [](objections::names& to, const std::string& schema, const std::string& name, const refusal* why) {
    if (why) to[name].push_back({schema, *why});
  };
  for (const auto& f : facts.functions) {
    const auto* why = found.of('f', f.id);
    add(all.functions, f.schema, f.name, why);
    if (f.takes_row) add(all.attributes, f.schema, f.name, why);
  }
  for (const auto& [name, places] : relations_)
    for (const auto& p : places)
      add(all.relations, p.schema, name, found.of('r', p.id));
  for (const auto& t : facts.types)
    add(all.types, t.schema, t.name, found.of('t', t.id));
  for (const auto& o : facts.operators)
    if (o.function) add(all.operators, o.schema, o.name, found.of('f', o.function));
  for (const auto sign : comparing_operators)
    if (!all.comparisons) all.comparisons = objections::look_up(all.operators, {"", std::string(sign)});
  return all;
}

cache_rules::objections cache_rules::to_keeping(const catalog& facts, const catalog_users& users) const {
  verdicts found;
  for (const auto& f : facts.functions)
    found.judge('f', f.id, f.schema, f.name, why_fleeting(f));
  for (const auto& r : facts.relations)
    found.judge('r', r.id, r.schema, r.name, why_fleeting(r));
  for (const auto& t : facts.types)
    if (t.schema == "pg_catalog" && t.name == "timetz")
      found.judge('t', t.id, t.schema, t.name, "time with today's time zone");
  found.judge('m', 0, "", "", "another at any moment");
  found.spread(users);
  return by_name(facts, found);
}

cache_rules::objections cache_rules::to_zones(const catalog& facts, const catalog_users& users) const {
  verdicts found;
  found.judge('z', 0, "", "", "time of day at a time zone");
  found.spread(users);
  return by_name(facts, found);
}

cache_rules::objections cache_rules::to_writing(const catalog& facts, const function_lists& lists,
                                                const catalog_users& users) {
  verdicts found;
  for (const auto& f : facts.functions) {
    if (matches_any(lists.read, f.schema, f.name)) {
      found.set_free('f', f.id);
    } else {
      found.judge('f', f.id, f.schema, f.name, why_unknown(f, lists));
    }
  }
  for (const auto& r : facts.relations)
    found.judge('w', r.id, r.schema, r.name, why_unknown(r));
  found.spread(users);
  for (const auto& r : facts.relations)
    if (found.of('w', r.id) || found.of('r', r.id)) unknown_writes_.insert(r.id);
  return by_name(facts, found);
}

std::optional<refusal> cache_rules::objections::look_up(const names& known, const sql_name& name) {
  const auto found = known.find(name.name);
  if (found == known.end()) return std::nullopt;
  for (const auto& e : found->second)
    if (name.schema.empty() || e.schema == name.schema) return e.why;
  return std::nullopt;
}

std::optional<refusal> cache_rules::objections::of(const sql_access& access) const {
  const std::pair<const std::vector<sql_name>&, const names&> lists[] = {
      {access.functions, functions}, {access.relations, relations}, {access.cte_or_relations, relations},
      {access.types, types},         {access.operators, operators},
  };
  for (const auto& [asked, known] : lists) {
    for (const auto& name : asked)
      if (auto why = look_up(known, name)) return why;
  }
  if (!attributes.empty()) {
    for (const auto& name : access.attributes)
      if (auto why = look_up(attributes, {"", name})) return why;
  }
  return comparisons;
}

bool cache_rules::may_read_clock(const sql_name& type) const {
  if (!type.schema.empty() && type.schema != "pg_catalog") return true;
  return !reads_no_clock(type.name) || (type.schema.empty() && own_types_.contains(type.name));
}

std::optional<refusal> cache_rules::why_not(const sql_access& access) const {
  if (access.what != sql_access::kind::read) return refusal{*access.reason ? access.reason : "not a query", {}};
  if (auto refused = reading_.why_not(access)) return refused;
  if (access.fleeting) return refusal{access.fleeting, {}};
  for (const auto& type : access.conversions)
    if (may_read_clock(type)) return refusal{"may turn a text into a time", full_name(type.schema, type.name)};
  // time AT TIME ZONE zone: of what type its operand is the text does not tell.
  const auto zoned = [](const sql_name& f) { return f.name == "timezone"; };
  if (std::ranges::any_of(access.functions, zoned))
    if (auto refused = times_.of(access)) return refused;
  return fleeting_.of(access);
}

bool cache_rules::find(const sql_name& name, std::vector<oid>& into) const {
  const auto before = into.size();
  const auto found = relations_.find(name.name);
  if (found == relations_.end()) return false;
  for (const auto& p : found->second)
    if (name.schema.empty() || p.schema == name.schema) into.push_back(p.id);
  return into.size() > before;
}

std::vector<catalog::oid> cache_rules::depends_on(const sql_access& access) const {
  std::vector<oid> next, all;
  for (const auto* names : {&access.relations, &access.cte_or_relations})
    for (const auto& name : *names)
      find(name, next);
  std::unordered_set<oid> seen;
  while (!next.empty()) {
    const auto id = next.back();
    next.pop_back();
    if (!seen.insert(id).second) continue;
    all.push_back(id);
    const auto [first, last] = edges_of(below_, id);
    for (auto at = first; at != last; ++at)
      next.push_back(at->second);
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::optional<std::vector<catalog::oid>> cache_rules::written_by(const sql_access& access) const {
  if (access.changes == change::anything || !reading_.knows(access) || unknown_.of(access)) return std::nullopt;
  std::vector<oid> targets, all;
  for (const auto& name : access.written)
    if (!find(name, targets)) return std::nullopt;
  std::unordered_map<oid, bool> seen;  // and all below it
  std::vector<oid> next;
  const auto reach = [&](oid id, bool below) {
    const auto [known, is_new] = seen.try_emplace(id, below);
    if (!is_new && (known->second || !below)) return;
    known->second = below;
    next.push_back(id);
  };
  for (const auto id : targets)
    reach(id, true);
  while (!next.empty()) {
    const auto id = next.back();
    next.pop_back();
    if (unknown_writes_.contains(id)) return std::nullopt;
    if (seen.at(id)) {
      const auto [first, last] = edges_of(below_, id);
      for (auto at = first; at != last; ++at)
        reach(at->second, true);
    }
    const auto [first, last] = edges_of(above_, id);
    for (auto at = first; at != last; ++at)
      reach(at->second, false);
    if (access.changes < change::keys) continue;
    auto key = std::lower_bound(keys_.begin(), keys_.end(), id, [](const auto& k, oid of) { return k.of < of; });
    for (; key != keys_.end() && key->of == id; ++key)
      if (key->cascades || access.changes == change::cascade) reach(key->by, true);
  }
  for (const auto& [id, below] : seen)
    all.push_back(id);
  std::sort(all.begin(), all.end());
  return all;
}

std::size_t cache_rules::bytes() const {
  std::size_t all = sizeof *this + (below_.capacity() + above_.capacity()) * sizeof(edges::value_type) +
                    keys_.capacity() * sizeof(catalog::foreign_key) + unknown_writes_.size() * 32;
  const auto of_names = [](const auto& names) {
    std::size_t bytes = names.bucket_count() * sizeof(void*);
    for (const auto& [name, entries] : names)
      bytes += sizeof(name) + sizeof(entries) + 2 * sizeof(void*) + entries.capacity() * sizeof(entries[0]);
    return bytes;
  };
  for (const auto* o : {&fleeting_, &times_, &unknown_})
    for (const auto* names : {&o->functions, &o->relations, &o->types, &o->operators, &o->attributes})
      all += of_names(*names);
  return all + of_names(relations_);
}

}  // namespace forebay
