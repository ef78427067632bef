#include "config/read.hpp"

#include <algorithm>

#include "config/keys.hpp"

namespace forebay::config {
namespace {

using names = std::vector<std::string_view>;
constexpr rule any;  // for tables: what they hold is asked key by key

template <class Struct>
const key<Struct>* find_key(std::span<const key<Struct>> keys, std::string_view name) {
  const auto found = std::ranges::find(keys, name, &key<Struct>::name);
  return found == keys.end() ? nullptr : &*found;
}

// The table, written as in the file, that has a key of this name.
std::string home_of(std::string_view name) {
  std::string home;
  for_each_section([&](std::string_view section, auto, auto keys) {
    if (home.empty() && find_key(keys, name)) home = "[" + std::string(section) + "]";
  });
  for_each_list([&](std::string_view section, auto, auto keys) {
    if (home.empty() && find_key(keys, name)) home = "[[" + std::string(section) + "]]";
  });
  for_each_inner_list([&](std::string_view section, auto keys) {
    if (home.empty() && find_key(keys, name)) home = "[[" + std::string(section) + "]]";
  });
  return home;
}

void report_unknown(const entry& found, const path& where, names candidates, report& out) {
  out.locate(where, found.at);
  if (std::ranges::find(later_keys, where.shown) != later_keys.end())
    return out.error(where, "is not available in this version");
  const auto parent = where.shown.substr(0, where.shown.size() - found.name.size());
  for (const auto later : later_keys)
    if (later.starts_with(parent) && later.find('.', parent.size()) == later.npos)
      candidates.push_back(later.substr(parent.size()));
  auto hint = did_you_mean(found.name, candidates);
  if (const auto home = home_of(found.name); hint.empty() && !home.empty()) hint = "; it belongs to " + home;
  out.error(where, "unknown key" + hint);
}

template <class Struct>
std::string example_of(const key<Struct>& k) {
  const auto value = k.wanted.example.empty() ? k.toml(Struct{}) : std::string(k.wanted.example);
  return std::string(k.name) + " = " + value;
}

template <class Struct>
void read_table(const table& from, Struct& into, std::span<const key<Struct>> keys, const path& where, report& out) {
  names known(keys.size());
  std::ranges::transform(keys, known.begin(), &key<Struct>::name);
  for (const auto& found : from) {
    const auto here = where / found.name;
    const auto* k = find_key(keys, found.name);
    if (!k) {
      report_unknown(found, here, known, out);
      continue;
    }
    out.locate(here, found.value.at);
    k->read(found.value, into, {here, k->wanted, example_of(*k), out});
  }
  for (const auto& k : keys)
    if (k.wanted.required && std::ranges::find(from, k.name, &entry::name) == from.end())
      out.error(where / k.name, "is missing, as in " + example_of(k));
}

template <class Struct>
void read_list(const item& from, std::vector<Struct>& into, std::span<const key<Struct>> keys, const path& where,
               const std::string& example, report& out) {
  const slot whole{where, any, example, out};
  const auto* list = std::get_if<array>(&from.value);
  if (!list) return whole.wrong_type("a list of tables", from);
  for (std::size_t i = 0; i < list->size(); ++i) {
    const auto& element = (*list)[i];
    const slot here{where[i], any, example, out};
    out.locate(here.where, element.at);
    auto& made = into.emplace_back();
    if (const auto* content = std::get_if<table>(&element.value)) {
      read_table(*content, made, keys, here.where, out);
    } else {
      here.wrong_type("a table", element);
    }
  }
}

// A table within one of a list: database.routing, database.cache.
template <class Struct>
void read_inner_table(const item& from, Struct& into, std::span<const key<Struct>> keys, const slot& at) {
  const auto* content = std::get_if<table>(&from.value);
  if (!content) return at.wrong_type("a table", from);
  read_table(*content, into, keys, at.where, at.out);
}

}  // namespace

void read_value(const item& from, std::vector<node>& into, const slot& at) {
  read_list(from, into, every(node_keys), at.where, at.example, at.out);
}

void read_value(const item& from, std::vector<cache_rule>& into, const slot& at) {
  read_list(from, into, every(cache_rule_keys), at.where, at.example, at.out);
}

void read_value(const item& from, routing_override& into, const slot& at) {
  read_inner_table(from, into, every(routing_override_keys), at);
}

void read_value(const item& from, cache_override& into, const slot& at) {
  read_inner_table(from, into, every(cache_override_keys), at);
}

void read_value(const item& from, tls_override& into, const slot& at) {
  read_inner_table(from, into, every(tls_override_keys), at);
}

namespace {

// What is within a table of tables: of [tls.client] and [tls.server] those called "tls".
names inner_sections(std::string_view outer) {
  names found;
  for_each_section([&](std::string_view name, auto, auto) {
    if (name.starts_with(outer) && name.substr(outer.size()).starts_with('.'))
      found.push_back(name.substr(outer.size() + 1));
  });
  return found;
}

void read_section(const entry& found, const path& where, const std::string& full_name, settings& into, report& out) {
  out.locate(where, found.value.at);
  const auto* content = std::get_if<table>(&found.value.value);
  if (!content) return slot{where, any, "[" + full_name + "]", out}.wrong_type("one table", found.value);
  for_each_section([&](std::string_view name, auto section, auto keys) {
    if (name == full_name) read_table(*content, into.*section, keys, where, out);
  });
  const auto inner = inner_sections(full_name);
  if (inner.empty()) return;
  for (const auto& each : *content) {
    if (std::ranges::find(inner, each.name) == inner.end()) {
      report_unknown(each, where / each.name, inner, out);
    } else {
      read_section(each, where / each.name, full_name + '.' + each.name, into, out);
    }
  }
}

}  // namespace

void read_document(const table& root, settings& into, report& out) {
  names sections, known;
  for_each_section([&](std::string_view name, auto, auto) { sections.push_back(name.substr(0, name.find('.'))); });
  sections.erase(std::unique(sections.begin(), sections.end()), sections.end());
  known = sections;
  for_each_list([&](std::string_view name, auto, auto) { known.push_back(name); });

  for (const auto& found : root) {
    const auto where = path{} / found.name;
    if (std::ranges::find(known, found.name) == known.end()) {
      report_unknown(found, where, known, out);
      continue;
    }
    out.locate(where, found.value.at);
    if (std::ranges::find(sections, found.name) != sections.end()) read_section(found, where, found.name, into, out);
    for_each_list([&]<class Struct>(std::string_view name, std::vector<Struct> settings::*list, auto keys) {
      if (name == found.name) read_list(found.value, into.*list, keys, where, "[[" + found.name + "]]", out);
    });
  }
}

}  // namespace forebay::config
