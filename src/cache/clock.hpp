#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "core/clock.hpp"
#include "core/lsn.hpp"

// When what a cached result depends on was last written, as far as this process has seen: one clock for each relation
// of a database, one for the database as a whole. Positions are numbers that grow with every write in the process; what
// was read after position F holds all that was written up to it.
//
//   writer   begins() before the server is asked, wrote() before the client hears of it, ends() when nothing more comes
//   reader   fence = cache_clock::now() before the server is asked; its result is good while holds(fence)
//
// Any thread. A clock lives as long as its cache_clocks, that is for ever: nothing that points to it has to ask.
namespace forebay {

// Alone in its line of the processor's cache: it is read with every hit.
class alignas(64) cache_clock {
 public:
  static std::uint64_t now() { return positions.load(std::memory_order_seq_cst); }

  void begins() { pending_.fetch_add(1, std::memory_order_seq_cst); }
  // `ticket`: of the cluster's write clock, where it has replicas; a replica that has replayed it has this write.
  void wrote(std::uint64_t ticket = 0);
  void ends() { pending_.fetch_sub(1, std::memory_order_seq_cst); }

  bool holds(std::uint64_t fence) const {
    return pending_.load(std::memory_order_seq_cst) == 0 && at_.load(std::memory_order_seq_cst) <= fence;
  }
  // How far in the log a replica must have come to have all that was told of by wrote(): at most this, by what the
  // cluster knows now (tickets up to `covered` are for writes at or before `written`). Nothing: it is not known yet.
  std::optional<lsn> position(std::uint64_t covered, lsn written);

 private:
  static std::atomic<std::uint64_t> positions;

  std::mutex mutex_;             // guards the two below
  std::uint64_t known_for_ = 0;  // this ticket is
  lsn position_;                 // at or before this position

  std::atomic<std::uint64_t> at_{0};
  std::atomic<std::uint64_t> ticket_{0};
  std::atomic<std::uint32_t> pending_{0};
};

// Of one database of one cluster.
class cache_clocks {
 public:
  using oid = std::uint32_t;

  cache_clock& all() { return all_; }  // moved by writes that are not understood, by DDL, by a new primary
  cache_clock& of(oid relation);

  // What was learned of the catalog before says nothing any more.
  void schema_changed(steady::time_point at);
  steady::time_point schema_changed_at() const {
    return steady::time_point(steady::duration(schema_.load(std::memory_order_seq_cst)));
  }

 private:
  cache_clock all_;
  std::atomic<steady::rep> schema_{steady::time_point::min().time_since_epoch().count()};
  std::mutex mutex_;
  std::map<oid, std::unique_ptr<cache_clock>> by_relation_;
};

}  // namespace forebay
