#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "pool/budget.hpp"

// One PostgreSQL instance as the pools see it: its address, its budget of connections over all pools, and the one mutex
// that guards all pools of the node. The mutex is held for a few list operations only, never across I/O; a node runs
// far fewer transactions than such a mutex passes (docs/adr/0003).
namespace forebay {

class node {
 public:
  node(std::string host, std::uint16_t port, std::uint32_t max_connections)
      : connections(max_connections), host_(std::move(host)), port_(port) {}

  const std::string& host() const { return host_; }
  std::uint16_t port() const { return port_; }
  std::string name() const;  // "host:port"

  budget connections;
  // Moves on with each change of a schema that is seen: what was prepared before is perhaps out of date.
  std::atomic<std::uint32_t> schema_era{1};

 private:
  friend class pool;

  const std::string host_;
  const std::uint16_t port_;
  mutable std::mutex mutex_;
};

}  // namespace forebay
