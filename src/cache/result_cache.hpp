#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "cache/clock.hpp"
#include "cache/store.hpp"

// The cache of the whole process: the results, and the clocks of the databases that they depend on. Any thread.
namespace forebay {

class result_cache {
 public:
  explicit result_cache(const result_store::limits& of) : store(of) {}

  cache_clocks& clocks_of(const std::string& cluster, const std::string& database);  // by its name on the server
  // Nothing that was read before is served from now on: in all, or the databases that it says yes to.
  void forget(const std::function<bool(const std::string& cluster, const std::string& database)>& which);
  // The catalogs of a cluster's databases say nothing any more: of all, for roles and rights are of all.
  void schema_changed(const std::string& cluster, steady::time_point at);
  // Results that have a tag depend on its clock. Tags are any client's to invent: some share one.
  cache_clock& clock_of_tag(std::string_view tag);

  // Writes are followed from the first configuration on that keeps any results, for good: what is kept has to hold when
  // a later one keeps none for a while. Nothing is served or kept before all workers follow.
  bool follows() const { return follows_.load(); }
  bool is_followed_by_all() const { return unaware_.load() == 0; }
  void begin_to_follow(std::uint32_t workers) {
    if (follows_) return;
    unaware_ = workers;
    follows_ = true;
  }
  void one_more_follows() { --unaware_; }

  result_store store;

 private:
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, cache_clocks> clocks_;
  std::array<cache_clock, 1024> tags_;
  std::atomic<bool> follows_{false};
  std::atomic<std::uint32_t> unaware_{0};
};

}  // namespace forebay
