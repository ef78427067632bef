#pragma once

#include <memory>
#include <string>
#include <utility>

#include "cache/entry.hpp"
#include "cache/store.hpp"

// Results that are quickly made, and a store that is asked for them as a session does.
namespace forebay::cache_tests {

using std::chrono::microseconds;
using put = result_store::put_result;

inline const auto start = steady::time_point{} + std::chrono::hours(1);

struct wants {
  std::size_t bytes = 100;
  microseconds cost{1000};
  cache_clock* depends = nullptr;
  steady::time_point until = steady::time_point::max();
};

inline cache_entry_ptr result(std::string_view key, std::string reply, const wants& with = {}) {
  cache_entry entry{.key = std::string(key),
                    .reply = std::move(reply),
                    .fence = cache_clock::now(),
                    .made = start,
                    .until = with.until,
                    .cost = with.cost};
  if (with.depends != nullptr) entry.depends.push_back(with.depends);
  return std::make_shared<const cache_entry>(std::move(entry));
}
inline cache_entry_ptr result(std::string_view key, const wants& with = {}) {
  return result(key, std::string(with.bytes, 'x'), with);
}

// A miss, its flight over, and its result: what a session makes of it.
inline put miss(result_store& store, const cache_key& key, const cache_entry_ptr& fresh,
                steady::time_point now = start) {
  store.find(key, now, true);
  return store.put(fresh, key, now);
}

// Missed twice: admitted, if there is room.
inline put fill(result_store& store, const std::string& key, const wants& with = {}, steady::time_point now = start) {
  const auto of = cache_key::of(key);
  store.find(of, now, true);
  return miss(store, of, result(key, with), now);
}

inline cache_entry_ptr look(result_store& store, const std::string& key, steady::time_point now = start) {
  return store.find(cache_key::of(key), now, false).hit;
}

}  // namespace forebay::cache_tests
