#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"

// What the settings hold, key by key, for SHOW CONFIG and for the test that keeps conf/forebay.toml honest.
namespace forebay::config {

struct description {
  std::string key;            // "pool.size"; of lists "database.app.cluster"
  std::string value;          // a secret is "****"
  std::string default_value;  // empty where there is none
  bool fixed = false;         // only a restart changes it
};

// All keys of the plain tables; of clusters, databases and users those that differ from their default.
std::vector<description> describe(const settings& s);

struct documented_key {
  std::string table;         // "[pool]", "[[cluster]]", "[[cluster.nodes]]"
  std::string name;          // "size"; "routing.strategy" where a key has keys
  std::string default_toml;  // as written in a file; empty where there is none
  bool fixed = false;
};
std::vector<documented_key> documented_keys();

// What only a restart changes stays in `fresh` as it is in `now`; the keys that would have been another.
std::vector<std::string> keep_fixed(const settings& now, settings& fresh);

}  // namespace forebay::config
