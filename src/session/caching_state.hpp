#pragma once

#include <memory>
#include <string>

#include "cache/flight.hpp"
#include "cache/stored_result.hpp"
#include "cache/written.hpp"
#include "session/cache_desk.hpp"

// What a session knows of the cache, where its cluster has one.
namespace forebay {

// A miss that is on its way to become an entry.
struct cache_fill {
  cache_fill(std::string k, cache_verdict v) : key(std::move(k)), verdict(std::move(v)), fence(cache_clock::now()) {}
  cache_fill(const cache_fill&) = delete;
  cache_fill& operator=(const cache_fill&) = delete;
  ~cache_fill() {
    if (flight) flight->end();
  }

  std::string key;
  cache_verdict verdict;
  std::uint64_t fence;  // taken before a server is asked
  cache_request asked;  // of which the texts are gone
  cache_flight_ptr flight{};
  std::string shared_key{};  // in Redis; empty: it is not to go there
  shared_fence others{};     // the fence as others read it
  cache_entry_ptr found{};   // there
  bool sent = false;
  std::string reply{};
  std::size_t skip = 0;  // bytes that wait for the client and are not of this reply
};

struct caching_state {
  written_clocks written;
  bool schema = false;                   // of what it has written
  std::optional<std::uint64_t> doubted;  // some of it was not known: cache_clocks::settled() then
  bool at_once = false;                  // something may commit that was bound, and a portal outlives its batch
  steady::time_point noted_at{};         // the first of it
  std::unique_ptr<cache_fill> filling;
  bool answered = false;  // the batch at hand was: what is left of it up to its Sync says nothing new
  bool flies = false;     // waits for the end of somebody else's miss of the same key, or for Redis
  bool waited = false;
  std::uint64_t waits = 0;  // so far: an end that comes late is of none that is under way
  enum class outcome : std::uint8_t { hit, miss, bypass };
  outcome last = outcome::bypass;            // of the batch at hand, or the last one
  bool in_redis = false;                     // that hit
  const char* reason = "nothing was asked";  // static: of the bypass
  std::string about;
};

}  // namespace forebay
