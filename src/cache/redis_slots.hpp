#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/redis_codec.hpp"

// Which node of a Redis Cluster has which key ("Redis cluster specification"). Pure.
namespace forebay {

// Of all of the key: ours have no braces.
std::uint16_t redis_slot(std::string_view key);

// "-MOVED 3999 127.0.0.1:6381" or "-ASK ...": the key is there, for good or for this time.
struct redis_redirect {
  std::uint16_t slot;
  std::string node;  // "host:port"; the host is empty where it is that of the node that said so
  bool for_good;

  static std::optional<redis_redirect> of(const redis_reply& reply);
};

class redis_slots {
 public:
  static constexpr std::size_t count = 16384;

  // Empty: not known.
  const std::string& node_of(std::uint16_t slot) const;
  void set(std::uint16_t slot, const std::string& node);
  bool has(const std::string& node) const;
  // What CLUSTER SLOTS has answered; `asked`: the host of the node that did. False: no such answer.
  bool read(const redis_reply& reply, const std::string& asked);

 private:
  std::uint16_t index_of(const std::string& node);

  std::vector<std::string> nodes_{std::string()};
  std::array<std::uint16_t, count> of_{};  // in nodes_
};

}  // namespace forebay
