#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

// About how often each of very many hashes was seen of late: a count-min sketch (Cormode and Muthukrishnan) of four
// rows, where only the least of a hash's counters grows. Never too few, seldom too many: after `width` additions to an
// empty one, one of about six never seen counts as seen. Whoever owns it halves it in time. One thread.
namespace forebay {

class frequency_sketch {
 public:
  using hash = std::array<std::uint64_t, 2>;
  static constexpr unsigned most = 255;

  // `width`: of a row; a power of two, at most 65,536.
  explicit frequency_sketch(std::size_t width) : width_(width), counters_(rows * width) {}

  void add(const hash& of) {
    ++added_;
    at_least(of, std::min(most, count(of) + 1));
  }
  void at_least(const hash& of, unsigned times) {
    for (std::size_t row = 0; row < rows; ++row) {
      auto& counter = counters_[place(of, row)];
      if (counter < times) counter = static_cast<std::uint8_t>(std::min(times, most));
    }
  }
  unsigned count(const hash& of) const {
    auto least = most;
    for (std::size_t row = 0; row < rows; ++row)
      least = std::min<unsigned>(least, counters_[place(of, row)]);
    return least;
  }

  void halve(unsigned times) {
    for (auto& counter : counters_)
      counter = static_cast<std::uint8_t>(counter >> times);
    added_ = 0;
  }

  std::size_t added() const { return added_; }  // since it was halved
  std::size_t width() const { return width_; }
  std::size_t bytes() const { return counters_.size(); }

 private:
  static constexpr std::size_t rows = 4;

  // Each row goes by sixteen other bits.
  std::size_t place(const hash& of, std::size_t row) const {
    return row * width_ + ((of[0] >> (16 * row)) & 0xffff & (width_ - 1));
  }

  std::size_t width_, added_ = 0;
  std::vector<std::uint8_t> counters_;
};

}  // namespace forebay
