#include "core/parameters.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <unordered_map>

namespace forebay {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool name_less(const parameter_set::entry& a, const parameter_set::entry& b) {
  return compare_names(a.name, b.name) < 0;
}

bool equal(const std::vector<parameter_set::entry>& a, const std::vector<parameter_set::entry>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.value == y.value && x.reported == y.reported && compare_names(x.name, y.name) == 0;
  });
}

std::size_t hash(const std::vector<parameter_set::entry>& entries) {
  std::size_t seed = entries.size();
  for (const auto& entry : entries) {
    std::string key = entry.name;
    std::transform(key.begin(), key.end(), key.begin(), lower);
    key += '=';
    key += entry.value;
    seed ^= std::hash<std::string>{}(key) + 0x9e3779b97f4a7c15ULL + (seed << 6) + (seed >> 2);
  }
  return seed;
}

struct intern_table {
  std::mutex mutex;
  std::unordered_multimap<std::size_t, std::weak_ptr<const parameter_set>> sets;
  std::size_t sweep_at = 64;

  void sweep() {
    if (sets.size() < sweep_at) return;
    std::erase_if(sets, [](const auto& item) { return item.second.expired(); });
    sweep_at = std::max<std::size_t>(64, sets.size() * 2);
  }
};

intern_table& table() {
  static intern_table instance;
  return instance;
}

constexpr std::array<std::string_view, 7> not_settable = {"server_version",  "server_encoding", "integer_datetimes",
                                                          "is_superuser",    "in_hot_standby",  "session_authorization",
                                                          "scram_iterations"};

bool settable(std::string_view name) {
  return std::none_of(not_settable.begin(), not_settable.end(), [&](auto n) { return same_name(n, name); });
}

// An extension's setting has a dot in its name, which parts two identifiers.
std::string quote_name(std::string_view name) {
  const auto dot = name.find('.');
  if (dot == std::string_view::npos) return quote_identifier(name);
  return quote_identifier(name.substr(0, dot)) + '.' + quote_name(name.substr(dot + 1));
}

}  // namespace

int compare_names(std::string_view a, std::string_view b) {
  const auto shared = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < shared; ++i) {
    const char x = lower(a[i]);
    const char y = lower(b[i]);
    if (x != y) return x < y ? -1 : 1;
  }
  return a.size() == b.size() ? 0 : a.size() < b.size() ? -1 : 1;
}

parameters parameter_set::intern(std::vector<entry> entries) {
  std::stable_sort(entries.begin(), entries.end(), name_less);
  std::vector<entry> unique;
  unique.reserve(entries.size());
  for (auto& item : entries) {
    if (!unique.empty() && compare_names(unique.back().name, item.name) == 0) {
      unique.back() = std::move(item);
    } else {
      unique.push_back(std::move(item));
    }
  }
  const auto key = hash(unique);
  auto& interned = table();
  const std::lock_guard lock(interned.mutex);
  const auto [first, last] = interned.sets.equal_range(key);
  for (auto it = first; it != last; ++it) {
    if (auto known = it->second.lock(); known && equal(known->entries_, unique)) return known;
  }
  auto made = std::make_shared<parameter_set>();
  made->entries_ = std::move(unique);
  interned.sweep();
  interned.sets.emplace(key, made);
  return made;
}

parameters parameter_set::empty() {
  static const parameters instance = intern({});
  return instance;
}

const parameter_set::entry* parameter_set::find(std::string_view name) const {
  const auto it = std::lower_bound(entries_.begin(), entries_.end(), name,
                                   [](const entry& e, std::string_view n) { return compare_names(e.name, n) < 0; });
  return it != entries_.end() && compare_names(it->name, name) == 0 ? &*it : nullptr;
}

parameters parameter_set::with(const parameters& self, std::string_view name, std::string_view value, bool reported) {
  if (const auto* known = self->find(name); known && known->value == value && known->reported == reported) return self;
  auto entries = self->entries_;
  entries.push_back({std::string(name), std::string(value), reported});
  return intern(std::move(entries));
}

parameters parameter_set::without(const parameters& self, std::string_view name) {
  if (!self->find(name)) return self;
  auto entries = self->entries_;
  std::erase_if(entries, [&](const entry& e) { return same_name(e.name, name); });
  return intern(std::move(entries));
}

parameters parameter_set::with_reported_of(const parameters& self, const parameters& other) {
  std::vector<entry> entries;
  std::copy_if(self->entries_.begin(), self->entries_.end(), std::back_inserter(entries),
               [](const entry& e) { return !e.reported; });
  std::copy_if(other->entries_.begin(), other->entries_.end(), std::back_inserter(entries),
               [](const entry& e) { return e.reported; });
  return intern(std::move(entries));
}

std::string quote_identifier(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += c;
    out += c;
  }
  return out += '"';
}

std::string quote_literal(std::string_view text) {
  const bool escaped = text.find('\\') != std::string_view::npos;
  std::string out = escaped ? " E'" : "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out += '\'';
}

std::string change_sql(const parameter_set& have, const parameter_set& want) {
  static constexpr std::string_view role = "role";
  std::string sets, resets;
  const auto set = [](std::string& sql, const parameter_set::entry& e) {
    sql += sql.empty() ? "SELECT pg_catalog.set_config(" : ",pg_catalog.set_config(";
    sql += quote_literal(e.name) + ',' + quote_literal(e.value) + ",false)";
  };
  for (const auto& entry : want.entries()) {
    const auto* present = have.find(entry.name);
    if ((present && present->value == entry.value) || !settable(entry.name) || same_name(entry.name, role)) continue;
    set(sets, entry);
  }
  for (const auto& entry : have.entries()) {
    if (want.find(entry.name) || !settable(entry.name) || same_name(entry.name, role)) continue;
    resets += (resets.empty() ? "RESET " : ";RESET ") + quote_name(entry.name);
  }
  const auto* had = have.find(role);
  const auto* wants = want.find(role);
  const bool same_role = (had == nullptr) == (wants == nullptr) && (!had || had->value == wants->value);
  if (sets.empty() && resets.empty() && same_role) return {};
  // A role may lack the right to set the others.
  std::string sql;
  const auto append = [&sql](std::string_view part) {
    if (!sql.empty() && !part.empty()) sql += ';';
    sql += part;
  };
  if (had) append("RESET role");
  append(sets);
  append(resets);
  std::string become;
  if (wants) set(become, *wants);
  append(become);
  return sql;
}

}  // namespace forebay
