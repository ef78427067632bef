#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "cache/entry.hpp"

// Results in memory, for the whole process: bounded in bytes, in shards with a mutex each. Any thread. A caller's loop:
//
//   hit(key, now), else, where a result may be kept:
//   found = find(key, now, true); a hit is sent; a flight of another is waited for, then find(key, now, false)
//   a miss: ask the server, put(), and end the flight if it is ours
//
// Who gets in, and who goes:
// - Misses are counted in a sketch. A result is admitted with its second miss, or when others wait for its flight. What
// goes
//   leaves its count there: a result that no longer held is back with its next miss.
// - Counts are halved every ten minutes, and whenever the sketch has filled: old misses are forgotten.
// - A result's value is reads seen x time saved / bytes. One bound for all shards: no shard gives away what another
// could keep.
//   When it is reached, eight results at random are looked at, as often as needed, and the one worth least is to go.
//   One that no longer holds or is too old is worth nothing. If one worth more than the newcomer had to go, the
//   newcomer does not come in.
namespace forebay {

class cache_flight;
using cache_flight_ptr = std::shared_ptr<cache_flight>;
class result_shard;

class result_store {
 public:
  struct limits {
    std::size_t bytes = 256 * 1024 * 1024;
    std::size_t entry_bytes = 1024 * 1024;
  };
  explicit result_store(const limits& of);
  ~result_store();
  result_store(const result_store&) = delete;
  result_store& operator=(const result_store&) = delete;

  void set_limits(const limits& of);  // any thread; what is too much goes at once

  // The entry, if it is good. Nothing else comes of it: for who does not know yet whether a miss could become one.
  cache_entry_ptr hit(const cache_key& key, steady::time_point now);

  // The same, without counting it.
  bool holds(const cache_key& key, steady::time_point now);

  // What a look-up comes to. One of: a hit; `flight` is ours: fetch it, and end the flight whatever comes; `flight` is
  // another's: wait for its end (cache_flight::wait), then look again with `may_wait` false. Neither: a plain miss.
  struct found {
    cache_entry_ptr hit;
    cache_flight_ptr flight;
    bool ours = false;
  };
  found find(const cache_key& key, steady::time_point now, bool may_wait);

  // A miss of this key has come to nothing that may be kept: for a while nobody waits for another one's.
  void keep_apart(const cache_key& key, steady::time_point now);

  enum class put_result : std::uint8_t { kept, first_miss, too_large, outdated, no_room };
  put_result put(cache_entry_ptr fresh, const cache_key& key, steady::time_point now);

  struct counts {
    std::uint64_t entries = 0, bytes = 0;  // now; the bytes with all bookkeeping
    // A find() is a hit, a miss or a wait. Stale: found, but no longer good (also when looking for room).
    std::uint64_t hits = 0, misses = 0, stale = 0;
    // What came of put().
    std::uint64_t fills = 0, first_misses = 0, outdated = 0, too_large = 0;
    std::uint64_t evictions = 0, waited = 0, saved_us = 0;
    std::uint64_t no_room = 0;  // of put(): worth less than what is there
  };
  counts count() const;

  // Those that `which` says yes to. Returns how many went. `which` is called with a lock held: it must not call the
  // store.
  std::size_t flush(const std::function<bool(const cache_entry&)>& which);

  struct listed {
    cache_entry_ptr entry;
    std::uint64_t hits = 0;
    double value = 0;
  };
  std::vector<listed> top(std::size_t most) const;  // by value

 private:
  using entries = std::vector<cache_entry_ptr>;
  using hash_type = std::array<std::uint64_t, 2>;
  static constexpr std::size_t shard_count = 16;

  result_shard& shard_of(const cache_key& key) const;
  cache_entry_ptr look_up(result_shard& its, const cache_key& key, steady::time_point now, cache_entry_ptr& gone);
  bool reserve(std::size_t bytes);
  std::size_t missing(std::size_t bytes) const;  // how much has to go before they fit
  std::optional<put_result> refusal(result_shard& its, const cache_entry& fresh, const hash_type& of, std::size_t bytes,
                                    steady::time_point now) const;
  bool make_room_anywhere(std::size_t need, double value, steady::time_point now, entries& gone);

  std::unique_ptr<result_shard[]> shards_;
  std::atomic<std::size_t> bytes_{0}, bytes_limit_{0}, entry_limit_{0};
};

}  // namespace forebay
