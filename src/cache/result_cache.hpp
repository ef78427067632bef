#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "cache/clock.hpp"
#include "cache/sisters.hpp"
#include "cache/store.hpp"

// The cache of the whole process: the results, the clocks of the databases that they depend on, and what other
// Forebays have written. Any thread.
namespace forebay {

class result_cache {
 public:
  explicit result_cache(const result_store::limits& of);

  cache_clocks& clocks_of(const std::string& cluster, const std::string& database);  // by its name on the server
  // Nothing that was read before is served from now on, here and by others, of the databases that it says yes to.
  using chooser = std::function<bool(const std::string& cluster, const std::string& database)>;
  void flush(const chooser& which);
  // The same here only.
  void forget(const chooser& which);
  // The catalogs of a cluster's databases say nothing any more: of all, for roles and rights are of all.
  void schema_changed(const std::string& cluster, steady::time_point at);
  // Results that have a tag depend on its clock. Tags are any client's to invent: some share one.
  cache_clock& clock_of_tag(std::string_view tag);
  // Of each database, and of the tags, by the names "".
  using visitor = std::function<void(const std::string& cluster, const std::string& database, cache_clocks& clocks)>;
  void for_each(const visitor& visit);

  // Writes are followed from the first configuration on that keeps any results, for good: what is kept has to hold when
  // a later one keeps none for a while. Nothing is served or kept before all workers follow.
  bool follows() const { return follows_.load(); }
  bool is_followed_by_all() const { return unaware_.load() == 0; }
  void begin_to_follow(std::uint32_t workers) {
    if (follows_) return;
    unaware_ = workers;
    if (workers > 0) book.demand(cache_clock::now() + 1);
    follows_ = true;
  }
  void one_more_follows() { --unaware_; }

  // What became of the results that were looked for in Redis, or given to it.
  struct shared_counts {
    std::atomic<std::uint64_t> hits{0}, misses{0}, late{0}, lost{0}, unfit{0}, given{0};
  };

  result_store store;
  shared_counts shared;
  clock_changes changes;
  sister_book book;
  std::atomic<std::uint64_t> tellings{0};  // to sisters

 private:
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, cache_clocks> clocks_;
  cache_clocks tags_;
  std::atomic<bool> follows_{false};
  std::atomic<std::uint32_t> unaware_{0};
};

}  // namespace forebay
