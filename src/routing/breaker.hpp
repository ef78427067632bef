#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "core/clock.hpp"
#include "core/random.hpp"
#include "routing/window_count.hpp"

// Keeps requests from a node that fails them, so that they fail at once (57P03) or go elsewhere, and finds out when it
// is well again.
//
//   state      what happens                                          then
//   closed     `failure_threshold` failures in a row                 open, n = 0
//   closed     at least 20 requests within `window`, of which        open, n = 0
//              `error_rate` or more failed
//   open       its time is over, and somebody asks                   half_open, this request is its first probe
//   half_open  a probe succeeds                                      closed, nothing counted
//   half_open  a probe fails                                         open, n + 1
//
// Open lasts a random time from open_time / 2 to open_time * 2^n, never above max_open_time: many proxies do not come
// back at the same moment, and none of them knocks at once. Only `half_open_probes` requests are out at a time in
// half_open; a probe that tells nothing for max_open_time is taken for lost.
// A result counts only while the state is the one in which its request was let through. So what began before the
// breaker opened neither closes it nor keeps it open, and what a second probe says after the first has decided is not
// heard.
//
// One for each node and direction of use, for all workers. Use: ask() before the request; with a permit exactly one of
// succeeded(), failed() and gave_up() after it. While closed, ask() reads one atomic and succeeded() adds to one, 11 ns
// together; the rest is under a mutex that guards a few lines of arithmetic.
namespace forebay {

class breaker {
 public:
  enum class state : std::uint8_t { closed, open, half_open };

  struct permit {
    std::uint64_t mark;
  };

  struct change {
    state from, to;
    std::chrono::milliseconds open_for;  // zero unless it opened
    std::string_view reason;             // why it opened
    std::uint32_t n;
  };
  // Told of each change, in order, with the mutex held: it must not call the breaker.
  using listener = std::function<void(const change&)>;

  struct status {
    breaker::state state = state::closed;
    steady::time_point since;  // of this state; the epoch: from the start
    steady::time_point until;  // of open
    std::string reason;        // why it opened last
    std::uint32_t n = 0;       // how often it opened again since it was closed
    std::uint32_t failures_in_a_row = 0;
    std::uint64_t requests = 0, failures = 0;  // within the window
    std::uint64_t opened = 0, refused = 0;     // since the start
  };

  explicit breaker(const config::breaker& limits, listener on_change = {});

  // Whether ask() would give a permit; for a choice among nodes.
  bool is_available(steady::time_point now) const;
  std::optional<permit> ask(steady::time_point now);

  static bool is_probe(permit p) { return state_of(p.mark) == state::half_open; }
  void succeeded(permit p, steady::time_point now);
  void failed(permit p, steady::time_point now, std::string_view why, quick_random& random);
  void gave_up(permit p);  // the request ended, or was never sent, without saying anything about the node

  status look(steady::time_point now) const;
  // For the one who was refused: "not asked for another 800ms: 5 failures in a row, the last: connection refused".
  std::string refusal(steady::time_point now) const;

  void set_limits(const config::breaker& limits);

 private:
  static constexpr std::uint64_t least_requests = 20;

  static state state_of(std::uint64_t mark) { return static_cast<state>(mark & 3); }
  state current() const { return state_of(mark_.load(std::memory_order_relaxed)); }
  std::uint32_t period(steady::time_point now) const;
  bool has_free_probe(steady::time_point now) const;
  std::string reason_to_open(steady::time_point now, std::string_view why) const;
  void open(steady::time_point now, std::string reason, quick_random& random);
  void enter(state next, steady::time_point now);

  // The state in the low two bits; moves on by four with each change.
  std::atomic<std::uint64_t> mark_{0};
  std::atomic<std::int64_t> period_length_;  // of the counts, in nanoseconds
  std::atomic<std::uint32_t> failures_in_a_row_{0};
  alignas(64) window_count successes_;  // written by all workers: not in the line that they only read

  alignas(64) mutable std::mutex mutex_;
  config::breaker limits_;
  const listener on_change_;
  window_count failures_;
  status status_;  // but for what is counted above
  std::uint32_t probes_ = 0;
  steady::time_point last_probe_{};
};

std::string_view to_string(breaker::state state);

}  // namespace forebay
