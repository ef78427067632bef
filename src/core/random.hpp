#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

// Randomness for keys, salts and nonces, from OpenSSL's generator. Ends the process if the system has none to give:
// nothing safe can be done without it.
namespace forebay {

std::string random_bytes(std::size_t count);
std::uint32_t random_u32();

// Numbers for what only has to be spread evenly (a choice between nodes, a time to wait), in a nanosecond: SplitMix64
// of Steele, Lea and Flood. One thread; each has its own, with random_u32() as its seed.
class quick_random {
 public:
  explicit quick_random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t operator()() {
    auto z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // 0 to bound - 1.
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : (*this)() % bound; }

 private:
  std::uint64_t state_;
};

}  // namespace forebay
