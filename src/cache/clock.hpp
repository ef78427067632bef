#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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

class cache_clocks;

// Alone in its line of the processor's cache: it is read with every hit.
class alignas(64) cache_clock {
 public:
  using oid = std::uint32_t;

  cache_clock() = default;
  cache_clock(const cache_clocks& of, oid relation) : of_(&of), relation_(relation) {}

  static std::uint64_t now() { return positions.load(std::memory_order_seq_cst); }

  void begins() { pending_.fetch_add(1, std::memory_order_seq_cst); }
  // `ticket`: of the cluster's write clock, where it has replicas; a replica that has replayed it has this write.
  void wrote(std::uint64_t ticket = 0);
  // The same of what others have written, or what only this process has to know.
  void heard(std::uint64_t ticket = 0);
  void ends() { pending_.fetch_sub(1, std::memory_order_seq_cst); }

  bool holds(std::uint64_t fence) const {
    return pending_.load(std::memory_order_seq_cst) == 0 && at_.load(std::memory_order_seq_cst) <= fence;
  }
  // The position of the last wrote(); others may have kept a result that has not all that this process has written.
  std::uint64_t own() const { return own_.load(std::memory_order_seq_cst); }
  bool is_pending() const { return pending_.load(std::memory_order_seq_cst) != 0; }
  const cache_clocks* of() const { return of_; }
  oid relation() const { return relation_; }

  // How far in the log a replica must have come to have all that was told of by wrote(): at most this, by what the
  // cluster knows now (tickets up to `covered` are for writes at or before `written`). Nothing: it is not known yet.
  std::optional<lsn> position(std::uint64_t covered, lsn written);

 private:
  friend class clock_changes;
  static std::atomic<std::uint64_t> positions;
  void move(std::uint64_t ticket, bool own);

  const cache_clocks* of_ = nullptr;
  std::mutex mutex_;             // guards the two below
  std::uint64_t known_for_ = 0;  // this ticket is
  lsn position_;                 // at or before this position
  oid relation_ = 0;
  bool noted_ = false;  // guarded by the mutex of clock_changes

  std::atomic<std::uint64_t> at_{0}, own_{0};
  std::atomic<std::uint64_t> ticket_{0};
  std::atomic<std::uint32_t> pending_{0};
};

// The clocks that this process has moved, for whoever tells others of it. Any thread.
class clock_changes {
 public:
  // From now on they are noted. `wake` is called, on any thread, when there is something to take.
  void begin(std::function<void()> wake);
  void end();

  // Runs `move`, which moves it: whoever takes up to a position has all that was moved up to there.
  template <class Move>
  void note(cache_clock& clock, Move move);
  struct taken {
    std::vector<cache_clock*> clocks;
    std::uint64_t upto = 0;
  };
  taken take();
  void put_back(const std::vector<cache_clock*>& clocks);  // others were not told

 private:
  void add(cache_clock& clock) {
    if (!std::exchange(clock.noted_, true)) moved_.push_back(&clock);
  }

  std::atomic<bool> on_{false};
  std::mutex mutex_;
  std::vector<cache_clock*> moved_;
  std::function<void()> wake_;
};

// Of one database of one cluster, or of the tags.
class cache_clocks {
 public:
  using oid = cache_clock::oid;
  static constexpr oid whole = 0, of_schema = 1, first_relation = 2;  // no relation has the first two

  explicit cache_clocks(clock_changes* changes = nullptr) : changes_(changes) {}
  cache_clocks(const cache_clocks&) = delete;

  cache_clock& all() { return all_; }  // moved by writes that are not understood, by DDL, by a new primary
  // Moved by texts whose writes are not known while the catalogs are not. For this process they count as writes of
  // anything; for what others have kept they count when they have been judged, and until then it is not used.
  cache_clock& doubted() { return doubted_; }
  void doubt() { ++doubts_; }
  void settle() {
    ++settled_;
    --doubts_;
  }
  std::uint64_t settled() const { return settled_.load(); }  // how often so far
  bool is_in_doubt() const { return doubts_.load() != 0 || doubted_.is_pending(); }
  cache_clock& of(oid relation);
  void for_each(const std::function<void(cache_clock&)>& visit);
  bool has_written();  // this process, anything

  // What others call this database: they may have another name for it. Empty: not known yet.
  std::string shared_name() const;
  void set_shared_name(std::string name);
  clock_changes* changes() const { return changes_; }

  // What was learned of the catalog before says nothing any more.
  void schema_changed(steady::time_point at);
  void schema_heard(steady::time_point at);  // the same, from others
  steady::time_point schema_changed_at() const {
    return steady::time_point(steady::duration(schema_.load(std::memory_order_seq_cst)));
  }

 private:
  clock_changes* changes_;
  cache_clock all_{*this, whole}, altered_{*this, of_schema};
  cache_clock doubted_;  // of nobody: others are not told
  std::atomic<std::uint32_t> doubts_{0};
  std::atomic<std::uint64_t> settled_{0};
  std::atomic<steady::rep> schema_{steady::time_point::min().time_since_epoch().count()};
  mutable std::mutex mutex_;  // guards the two below
  std::map<oid, std::unique_ptr<cache_clock>> by_relation_;
  std::string shared_name_;
};

template <class Move>
void clock_changes::note(cache_clock& clock, Move move) {
  if (!on_.load(std::memory_order_acquire)) return move();
  std::unique_lock hold(mutex_);
  move();
  const bool first = moved_.empty();
  add(clock);
  const auto wake = first ? wake_ : nullptr;
  hold.unlock();
  if (wake) wake();
}

}  // namespace forebay
