#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
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
  // Results that have a tag depend on its clock.
  cache_clock& clock_of_tag(const std::string& tag);

  result_store store;

 private:
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, cache_clocks> clocks_;
  std::map<std::string, cache_clock, std::less<>> tags_;
};

}  // namespace forebay
