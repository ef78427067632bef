#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cache/clock.hpp"
#include "core/clock.hpp"

// One result, as it goes to a client.
namespace forebay {

// What a result is found by: all that shapes it, written one behind the other with lengths. The hash only finds it, the
// bytes are compared.
struct cache_key {
  std::string_view bytes;
  std::uint64_t hash[2] = {0, 0};  // of the bytes, keyed anew in each process

  static cache_key of(std::string_view bytes);
};

// The same in all Forebays.
std::uint64_t hash_of_tag(std::string_view tag);

struct cache_entry {
  std::string key;
  std::string reply;                  // messages of the backend up to and with ReadyForQuery
  std::vector<cache_clock*> depends;  // on all of these, the database's own among them
  std::uint64_t fence = 0;
  steady::time_point made{}, until{};  // `until` is not a part of it
  std::chrono::microseconds cost{0};   // what the server took for it, and a hit saves
  std::uint64_t rows = 0;
  std::vector<std::string> tags{};

  bool holds() const {
    for (const auto* each : depends)
      if (!each->holds(fence)) return false;
    return true;
  }
  std::size_t bytes() const;  // about all that it takes
};
using cache_entry_ptr = std::shared_ptr<const cache_entry>;

}  // namespace forebay
