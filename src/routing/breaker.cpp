#include "routing/breaker.hpp"

#include <algorithm>

#include "config/notation.hpp"

namespace forebay {
namespace {

using config::duration;

duration round_up(steady::duration time) {
  return std::chrono::ceil<duration>(std::max(time, steady::duration::zero()));
}

}  // namespace

breaker::breaker(const config::breaker& limits, listener on_change) : on_change_(std::move(on_change)) {
  set_limits(limits);
}

void breaker::set_limits(const config::breaker& limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
  const std::chrono::nanoseconds window = std::max(limits.window, duration(1));
  period_length_ = window.count() / window_count::size;
}

std::uint32_t breaker::period(steady::time_point now) const {
  return static_cast<std::uint32_t>(now.time_since_epoch().count() / period_length_.load(std::memory_order_relaxed));
}

bool breaker::has_free_probe(steady::time_point now) const {
  return probes_ < limits_.half_open_probes || now - last_probe_ >= limits_.max_open_time;
}

bool breaker::is_available(steady::time_point now) const {
  if (current() == state::closed) return true;
  const std::lock_guard lock(mutex_);
  switch (current()) {
    case state::closed:
      return true;
    case state::open:
      return now >= status_.until;
    case state::half_open:
      break;
  }
  return has_free_probe(now);
}

std::optional<breaker::permit> breaker::ask(steady::time_point now) {
  if (const permit p{mark_.load(std::memory_order_relaxed)}; state_of(p.mark) == state::closed) return p;
  const std::lock_guard lock(mutex_);
  if (current() == state::open && now >= status_.until) enter(state::half_open, now);
  if (current() == state::open || (current() == state::half_open && !has_free_probe(now))) {
    ++status_.refused;
    return {};
  }
  if (current() == state::half_open) {
    probes_ = std::min(probes_ + 1, limits_.half_open_probes);
    last_probe_ = now;
  }
  return permit{mark_.load(std::memory_order_relaxed)};
}

void breaker::succeeded(permit p, steady::time_point now) {
  if (mark_.load(std::memory_order_relaxed) != p.mark) return;
  if (state_of(p.mark) == state::closed) {
    successes_.add(period(now));
    if (failures_in_a_row_.load(std::memory_order_relaxed) > 0) failures_in_a_row_.store(0, std::memory_order_relaxed);
    return;
  }
  const std::lock_guard lock(mutex_);
  if (mark_.load(std::memory_order_relaxed) == p.mark) enter(state::closed, now);
}

void breaker::failed(permit p, steady::time_point now, std::string_view why, quick_random& random) {
  const std::lock_guard lock(mutex_);
  if (mark_.load(std::memory_order_relaxed) != p.mark) return;
  failures_.add(period(now));
  failures_in_a_row_.fetch_add(1, std::memory_order_relaxed);
  if (state_of(p.mark) == state::half_open) {
    ++status_.n;
    open(now, "still failing when tried again: " + std::string(why), random);
  } else if (auto reason = reason_to_open(now, why); !reason.empty()) {
    open(now, std::move(reason), random);
  }
}

void breaker::gave_up(permit p) {
  if (state_of(p.mark) == state::closed) return;
  const std::lock_guard lock(mutex_);
  if (mark_.load(std::memory_order_relaxed) == p.mark && probes_ > 0) --probes_;
}

// Empty: none.
std::string breaker::reason_to_open(steady::time_point now, std::string_view why) const {
  const auto last = ", the last: " + std::string(why);
  const auto in_a_row = failures_in_a_row_.load(std::memory_order_relaxed);
  if (limits_.failure_threshold > 0 && in_a_row >= limits_.failure_threshold)
    return std::to_string(in_a_row) + " failures in a row" + last;
  const auto failures = failures_.sum(period(now)), requests = failures + successes_.sum(period(now));
  const bool too_many = static_cast<double>(failures) >= limits_.error_rate * static_cast<double>(requests);
  if (limits_.error_rate > 0 && requests >= least_requests && too_many)
    return std::to_string(failures) + " of " + std::to_string(requests) + " requests failed within " +
           config::to_string(limits_.window) + last;
  return "";
}

void breaker::open(steady::time_point now, std::string reason, quick_random& random) {
  auto longest = limits_.open_time;
  for (auto n = status_.n; n > 0 && longest < limits_.max_open_time; --n)
    longest *= 2;
  longest = std::min(longest, limits_.max_open_time);
  const auto shortest = std::min(limits_.open_time / 2, longest);
  const auto spread = random.below(static_cast<std::uint64_t>((longest - shortest).count()) + 1);
  status_.until = now + shortest + duration(spread);
  status_.reason = std::move(reason);
  ++status_.opened;
  enter(state::open, now);
}

void breaker::enter(state next, steady::time_point now) {
  const auto before = current();
  const auto mark = mark_.load(std::memory_order_relaxed);
  mark_.store((mark & ~std::uint64_t{3}) + 4 + static_cast<std::uint64_t>(next), std::memory_order_relaxed);
  status_.since = now;
  probes_ = 0;
  if (next == state::closed) {
    status_.n = 0;
    failures_in_a_row_.store(0, std::memory_order_relaxed);
    successes_.clear();
    failures_.clear();
  }
  const auto open_for = next == state::open ? round_up(status_.until - now) : duration::zero();
  if (on_change_) on_change_({before, next, open_for, status_.reason, status_.n});
}

breaker::status breaker::look(steady::time_point now) const {
  const std::lock_guard lock(mutex_);
  auto found = status_;
  found.state = current();
  found.failures_in_a_row = failures_in_a_row_.load(std::memory_order_relaxed);
  found.failures = failures_.sum(period(now));
  found.requests = found.failures + successes_.sum(period(now));
  return found;
}

std::string breaker::refusal(steady::time_point now) const {
  const std::lock_guard lock(mutex_);
  const auto left = round_up(status_.until - now);
  const bool waits = current() == state::open && left > duration::zero();
  return (waits ? "not asked for another " + config::to_string(left) : "being tried again") + ": " + status_.reason;
}

std::string_view to_string(breaker::state state) {
  static constexpr std::string_view names[] = {"closed", "open", "half_open"};
  return names[static_cast<std::size_t>(state)];
}

}  // namespace forebay
