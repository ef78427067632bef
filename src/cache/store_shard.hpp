#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cache/entry.hpp"
#include "cache/flight.hpp"
#include "cache/sketch.hpp"
#include "cache/store.hpp"
#include "core/random.hpp"

// A part of a result_store. Every function but the constructor wants `mutex` held. What is taken out is given to the
// caller, who lets go of it when the mutex is free again: a large result takes a while to free.
namespace forebay {

class result_shard {
 public:
  using hash = frequency_sketch::hash;
  using entries = std::vector<cache_entry_ptr>;

  // After this what was seen counts half.
  static constexpr std::chrono::minutes half_life{10};

  struct slot {
    cache_entry_ptr entry;
    std::size_t bytes = 0;  // with the bookkeeping
    std::uint64_t hits = 0;
    double seen = 0;  // how often of late, as of `epoch`: halved with each
    std::uint32_t epoch = 0;
    std::uint32_t place = 0;  // in all_
  };

  // What an entry takes here beyond itself: a node, its allocation, and what two tables that double have for it.
  static constexpr std::size_t slot_bytes =
      sizeof(void*) + sizeof(std::pair<const hash, slot>) + sizeof(std::size_t) + 16 + 2 * 2 * sizeof(void*);

  result_shard() : random_(random_u32()) {}

  std::mutex mutex;
  result_store::counts counts;

  // Time passes: what was seen long ago counts for less.
  void age(steady::time_point now);
  void set_sketch(std::size_t width);
  std::size_t sketch_bytes() const { return sketch_.bytes(); }

  slot* find(const hash& of);
  void hit(slot& one);
  void missed(const hash& of) { sketch_.add(of); }
  double seen(const hash& of) const { return sketch_.count(of); }
  double seen(const slot& one) const;
  // What it saves, for each byte.
  double value(const slot& one) const { return value(*one.entry, one.bytes, seen(one)); }
  static double value(const cache_entry& entry, std::size_t bytes, double seen);

  void insert(const hash& of, slot fresh);
  // That it was seen stays known.
  slot remove(const hash& of);

  // Of a few at random the one worth least, again and again, until `need` bytes are found, but none worth more than
  // `most`; one that does not hold, or is too old, is worth nothing. They are the last of all() then.
  struct chosen {
    std::size_t bytes = 0, slots = 0;
  };
  chosen choose(std::size_t need, double most, steady::time_point now);
  // The last ones of all().
  std::size_t remove_last(std::size_t slots, steady::time_point now, entries& gone);

  const std::vector<std::pair<const hash, slot>*>& all() const { return all_; }
  std::size_t bytes() const { return bytes_; }

  struct flight {
    std::weak_ptr<cache_flight> under_way;
    bool wanted = false;  // by somebody else too
  };
  // The flight of a key that has not ended. Two keys of one hash would share it: one waits for nothing then.
  cache_flight_ptr flying(const hash& of);
  cache_flight_ptr take_off(const hash& of);
  void want(const hash& of) { flights_[of].wanted = true; }
  bool wanted(const hash& of);
  // Nobody waits for a miss of this key before then. A place for each of some hundred hashes: the last one has it.
  void keep_apart(const hash& of, steady::time_point until) { apart_[of[0] % apart_.size()] = {of, until}; }
  bool is_apart(const hash& of, steady::time_point now) const {
    const auto& its = apart_[of[0] % apart_.size()];
    return its.first == of && now < its.second;
  }

 private:
  struct hasher {
    std::size_t operator()(const hash& of) const { return of[0]; }
  };
  static constexpr std::size_t samples = 8;

  double worth(const slot& one, steady::time_point now) const;
  void swap_places(std::size_t one, std::size_t other);

  std::unordered_map<hash, slot, hasher> by_hash_;
  std::vector<std::pair<const hash, slot>*> all_;  // to choose from at random
  std::size_t bytes_ = 0;
  frequency_sketch sketch_{0};  // until set_sketch()
  std::uint32_t epoch_ = 0;
  steady::time_point aged_{};
  std::unordered_map<hash, flight, hasher> flights_;
  std::size_t flights_sweep_ = 64;
  std::array<std::pair<hash, steady::time_point>, 64> apart_{};
  quick_random random_;
};

}  // namespace forebay
