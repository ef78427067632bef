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

}  // namespace

std::string show_value(const routing_override& value) {
  std::string out;
  for (const auto& k : every(routing_override_keys))
    if (const auto text = k.show(value); !text.empty())
      out += (out.empty() ? "" : ", ") + std::string(k.name) + " = " + text;
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
  document(out, "[[cluster.nodes]]", every(node_keys));
  document(out, "[[database]]", every(routing_override_keys), "routing.");
  return out;
}

}  // namespace forebay::config
