#pragma once

#include <vector>

#include "cache/clock.hpp"

// What one session has written since its transaction began, and others are to hear of. One thread.
namespace forebay {

class written_clocks {
 public:
  written_clocks() = default;
  written_clocks(const written_clocks&) = delete;
  written_clocks& operator=(const written_clocks&) = delete;
  ~written_clocks() { commit(); }  // how it ended nobody knows

  void add(cache_clock& clock);
  // Any of it may be committed from now on.
  void begin();
  // Some of it may have been, and the client is about to hear of it. `ticket`: see cache_clock::wrote.
  void tell(std::uint64_t ticket = 0) const;
  // Nothing more of it will be before the next begin().
  void pause(std::uint64_t ticket = 0);
  // The transaction has ended.
  void commit(std::uint64_t ticket = 0);

  bool empty() const { return clocks_.empty(); }
  bool begun() const { return begun_; }

 private:
  std::vector<cache_clock*> clocks_;
  bool begun_ = false;
};

}  // namespace forebay
