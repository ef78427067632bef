#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "net/deadline.hpp"

// How many server connections may be open or opening at once, of a node, a database or a user, over all their pools. A
// pool counts in several and opens a connection only when each has room.
//
// Any thread. Its mutex guards the two lists alone and is the innermost: nothing else is taken while it is held.
namespace forebay {

class pool;

class budget {
 public:
  explicit budget(std::uint32_t limit) : limit_(limit) {}

  void set_limit(std::uint32_t limit) { limit_ = limit; }  // 0: no limit
  std::uint32_t limit() const { return limit_; }
  std::uint32_t open() const { return open_; }
  bool has_room() const {
    const auto limit = limit_.load();
    return limit == 0 || open_ < limit;
  }

  bool try_take();
  void give_back() { --open_; }

  void join(pool& member);
  void leave(pool& member);
  // Those that count in it, for the eviction of an idle connection.
  std::vector<std::shared_ptr<pool>> members() const;

  // Pools that found no room, in the order in which they did; each at most once.
  void queue(pool& hungry, steady::time_point since);
  steady::time_point hungry_since()
      const;  // since when the first of them waits; the latest of times when there is none
  std::vector<std::shared_ptr<pool>> take_queue();

 private:
  std::atomic<std::uint32_t> limit_;
  std::atomic<std::uint32_t> open_{0};
  mutable std::mutex mutex_;
  std::vector<pool*> members_;
  struct entry {
    pool* who;
    steady::time_point since;
  };
  std::deque<entry> hungry_;
};

}  // namespace forebay
