#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace forebay {

// How often something happened lately: counts by period (a number that grows with time), kept for `size` of them.
// Any thread; add() is one atomic addition, and one more exchange for the first in a period.
class window_count {
 public:
  static constexpr std::uint32_t size = 10;

  void add(std::uint32_t period) {
    auto& slot = slots_[period % size];
    const auto empty = std::uint64_t{period} << 32;
    auto value = slot.load(std::memory_order_relaxed);
    while (value >> 32 != period)
      if (slot.compare_exchange_weak(value, empty, std::memory_order_relaxed)) break;
    slot.fetch_add(1, std::memory_order_relaxed);
  }

  // In this period and the size - 1 before.
  std::uint64_t sum(std::uint32_t period) const {
    std::uint64_t total = 0;
    for (const auto& slot : slots_) {
      const auto value = slot.load(std::memory_order_relaxed);
      if (period - static_cast<std::uint32_t>(value >> 32) < size) total += static_cast<std::uint32_t>(value);
    }
    return total;
  }

  void clear() {
    for (auto& slot : slots_)
      slot.store(0, std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint64_t>, size> slots_{};  // the period above, its count in the low half
};

}  // namespace forebay
