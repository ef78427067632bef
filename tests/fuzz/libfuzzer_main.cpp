#include <cstddef>
#include <cstdint>

#include "target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto run = forebay::fuzz::targets().front().run;
  run({reinterpret_cast<const char*>(data), size});
  return 0;
}
