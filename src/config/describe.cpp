#include "config/describe.hpp"

#include "config/keys.hpp"

namespace forebay::config {
namespace {

template <class Struct>
description describe_key(const key<Struct>& k, const Struct& from, const std::string& prefix) {
  auto value = k.show(from);
  if (k.wanted.secret && !value.empty()) value = "****";
  return {prefix + "." + std::string(k.name), std::move(value), k.show(Struct{}), k.wanted.fixed};
}

template <class Struct>
void document(std::vector<documented_key>& out, const std::string& table, std::span<const key<Struct>> keys,
              const std::string& prefix = "") {
  for (const auto& k : keys)
    out.push_back({table, prefix + std::string(k.name), k.toml(Struct{}), k.wanted.fixed});
}

// What is given, as "strategy = latency, max_lag_bytes = 1KiB".
template <class Struct>
std::string show_given(const Struct& from, std::span<const key<Struct>> keys,
                       std::string (*key<Struct>::*text_of)(const Struct&)) {
  std::string out;
  for (const auto& k : keys)
    if (!k.show(from).empty()) out += (out.empty() ? "" : ", ") + std::string(k.name) + " = " + (k.*text_of)(from);
  return out;
}

}  // namespace

std::string show_value(const routing_override& value) {
  return show_given(value, every(routing_override_keys), &key<routing_override>::show);
}

std::string show_value(const cache_override& value) {
  return show_given(value, every(cache_override_keys), &key<cache_override>::show);
}

std::string show_value(const tls_override& value) {
  return show_given(value, every(tls_override_keys), &key<tls_override>::show);
}

std::string show_value(const std::vector<cache_rule>& value) {
  std::string out;
  for (const auto& each : value)  // as TOML: a regular expression may look like anything
    out += (out.empty() ? "{ " : ", { ") + show_given(each, every(cache_rule_keys), &key<cache_rule>::toml) + " }";
  return out;
}

std::vector<description> describe(const settings& s) {
  std::vector<description> out;
  for_each_section([&](const std::string& name, auto section, auto keys) {
    for (const auto& k : keys)
      out.push_back(describe_key(k, s.*section, name));
  });
  for_each_list([&](const std::string& name, auto list, auto keys) {
    for (const auto& element : s.*list) {
      for (const auto& k : keys) {
        auto row = describe_key(k, element, name + "." + element.name);
        if (k.name != "name" && row.value != row.default_value) out.push_back(std::move(row));
      }
    }
  });
  return out;
}

std::vector<std::string> keep_fixed(const settings& now, settings& fresh) {
  std::vector<std::string> kept;
  for_each_section([&](const std::string& name, auto section, auto keys) {
    for (const auto& k : keys) {
      if (!k.wanted.fixed || k.show(now.*section) == k.show(fresh.*section)) continue;
      k.copy(now.*section, fresh.*section);
      kept.push_back(name + "." + std::string(k.name));
    }
  });
  return kept;
}

std::vector<documented_key> documented_keys() {
  std::vector<documented_key> out;
  for_each_section([&](const std::string& name, auto, auto keys) { document(out, "[" + name + "]", keys); });
  for_each_list([&](const std::string& name, auto, auto keys) { document(out, "[[" + name + "]]", keys); });
  for_each_inner_list([&](const std::string& name, auto keys) { document(out, "[[" + name + "]]", keys); });
  document(out, "[[database]]", every(routing_override_keys), "routing.");
  document(out, "[[database]]", every(cache_override_keys), "cache.");
  document(out, "[[cluster]]", every(tls_override_keys), "tls.");
  return out;
}

}  // namespace forebay::config
