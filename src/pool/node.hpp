#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "net/deadline.hpp"
#include "protocol/wire/notice.hpp"

// One PostgreSQL instance as the pools see it: its address, its budget of connections over all pools, and the one mutex
// that guards this budget and all pools of the node. The mutex is held for a few list operations only, never across
// I/O; a node runs far fewer transactions than such a mutex passes (docs/adr/0003).
namespace forebay {

class pool;

class node {
 public:
  node(std::string host, std::uint16_t port, std::uint32_t max_connections)
      : host_(std::move(host)), port_(port), max_connections_(max_connections) {}

  const std::string& host() const { return host_; }
  std::uint16_t port() const { return port_; }
  std::string name() const;  // "host:port"

  void set_max_connections(std::uint32_t limit);
  std::uint32_t open() const;

 private:
  friend class pool;

  // All that follows is guarded by mutex_.
  bool has_room() const { return max_connections_ == 0 || open_ < max_connections_; }

  const std::string host_;
  const std::uint16_t port_;
  mutable std::mutex mutex_;
  std::uint32_t max_connections_;  // 0: no limit
  std::uint32_t open_ = 0;         // open or opening, over all pools
  std::vector<pool*> pools_;
  std::deque<pool*> hungry_;  // pools that found no room, in the order in which they did
};

}  // namespace forebay
