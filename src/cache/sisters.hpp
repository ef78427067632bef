#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/clock.hpp"
#include "cache/redis_codec.hpp"
#include "cache/stored_result.hpp"

// What other Forebays ("sisters") have written, as far as they have told. Each has a number of its own, drawn at its
// start, and positions of its own, which only grow. Pure but for the time.
//
// Every result that is shared says how far each sister had come, by what was known, before it was read (shared_fence).
// A Forebay that has itself written something later does not take it, whatever Redis has lost, delayed or brought back:
// that rests on nothing but its own clocks. What sisters have written is known as soon as they have told it.
namespace forebay {

// One telling: the clocks that one Forebay has moved since the last, and its position then. A line of text:
//   <who> <number> <upto> <database>/<relation>:<position> ...
struct sister_news {
  using proxy_id = shared_fence::proxy_id;
  struct item {
    std::string database;  // cache_clocks::shared_name()
    cache_clock::oid relation;
    std::uint64_t position;
    bool operator==(const item&) const = default;
  };
  proxy_id who = 0;
  std::uint64_t number = 0;  // its tellings are numbered
  std::uint64_t upto = 0;
  std::vector<item> items;

  std::string encode() const;
  static std::optional<sister_news> decode(std::string_view text);
};

// Any thread.
class sister_book {
 public:
  using proxy_id = sister_news::proxy_id;

  explicit sister_book(proxy_id own) : own_(own) {}
  proxy_id own() const { return own_; }

  // Of what is read from now on. `position`: cache_clock::now(), taken before.
  shared_fence fence(std::uint64_t position) const;
  // Nothing older than this position of one's own was followed: results that do not have it are not taken.
  void demand(std::uint64_t position) { least_ = position; }
  // A result with this fence has all that this process and its sisters have written there. Of a clock of nobody too.
  bool has_all(const cache_clock& clock, const shared_fence& fence) const;

  // What was not known goes to `apply`, before any result can claim to have it; without a database's name it may be
  // anything, as some was never heard.
  using applier = std::function<void(const std::vector<sister_news::item>&)>;
  // False: something before it was not heard, so its sender's position is not known; see learn().
  bool hear(const sister_news& news, steady::time_point now, const applier& apply);

  // The same, as it is kept for those who come later: fields of a hash.
  static std::vector<std::pair<std::string, std::string>> fields_of(const sister_news& news);
  // What HGETALL has answered.
  void learn(const redis_reply& fields, steady::time_point now, const applier& apply);

  std::size_t count() const;  // sisters that are known

 private:
  struct sister {
    std::uint64_t upto = 0, number = 0;
    steady::time_point heard{};
  };
  struct mark {
    proxy_id who;
    std::uint64_t position;
    steady::time_point heard;
  };
  using place = std::pair<std::string, cache_clock::oid>;

  bool note(const place& where, proxy_id who, std::uint64_t position, steady::time_point now);
  void note(proxy_id who, std::uint64_t upto, std::uint64_t number, steady::time_point now);

  const proxy_id own_;
  std::atomic<std::uint64_t> least_{0};
  mutable std::mutex mutex_;
  std::map<proxy_id, sister> sisters_;
  std::map<place, std::vector<mark>> written_;
};

}  // namespace forebay
