#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "cache/entry.hpp"

// Results in memory, for the whole process: bounded in bytes, in shards with a mutex each. A result is admitted with its
// second miss (a first one is only counted), and what goes when there is no room is worth least per byte: reads expected
// x time saved / bytes. What no longer holds goes first.
namespace forebay {

class cache_flight;
using cache_flight_ptr = std::shared_ptr<cache_flight>;

class result_store {
 public:
  struct limits {
    std::size_t bytes = 256 * 1024 * 1024;
    std::size_t entry_bytes = 1024 * 1024;
  };
  explicit result_store(const limits& of);

  void set_limits(const limits& of);  // any thread; what is too much goes at once

  // What a look-up comes to. One of: a hit; `flight` is ours: fetch it, and end the flight whatever comes; `flight` is
  // another's: wait for its end (cache_flight::wait), then look again with `may_wait` false. Neither: a plain miss.
  struct found {
    cache_entry_ptr hit;
    cache_flight_ptr flight;
    bool ours = false;
  };
  found find(const cache_key& key, steady::time_point now, bool may_wait);

  enum class put_result : std::uint8_t { kept, first_miss, too_large, outdated };
  put_result put(cache_entry_ptr fresh, const cache_key& key, steady::time_point now);

  struct counts { std::uint64_t entries = 0, bytes = 0, hits = 0, misses = 0, stale = 0, fills = 0, first_misses = 0,
      outdated = 0, too_large = 0, evictions = 0, waited = 0, saved_us = 0; };
  counts count() const;

  // Those that `which` says yes to. Returns how many went.
  std::size_t flush(const std::function<bool(const cache_entry&)>& which);

  struct listed { cache_entry_ptr entry; std::uint64_t hits = 0; double value = 0; };
  std::vector<listed> top(std::size_t most) const;  // by value
};

}  // namespace forebay
