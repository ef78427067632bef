#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "config/config.hpp"
#include "pool/budget.hpp"
#include "protocol/wire/notice.hpp"

// One PostgreSQL instance as the pools see it: its address, its budget of connections over all pools, and the one mutex
// that guards all pools of the node. The mutex is held for a few list operations only, never across I/O; a node runs
// far fewer transactions than such a mutex passes (docs/adr/0003).
namespace forebay {

class node {
 public:
  explicit node(const config::node& at)
      : connections(at.max_connections), host_(at.host), port_(at.port), name_(at.name()) {}

  const std::string& host() const { return host_; }
  std::uint16_t port() const { return port_; }
  const std::string& name() const { return name_; }

  budget connections;
  // Moves on with each change of a schema that is seen: what was prepared before is perhaps out of date.
  std::atomic<std::uint32_t> schema_era{1};

 private:
  friend class pool;

  const std::string host_;
  const std::uint16_t port_;
  const std::string name_;
  mutable std::mutex mutex_;
};

// Why a connection failed or ended: over the node itself, not the login, the limits or what was asked.
inline bool is_of_node(const wire::pg_error& e) {
  return e.sqlstate.starts_with("08") || e.sqlstate.starts_with("57P0");
}

}  // namespace forebay
