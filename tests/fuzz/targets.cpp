#include "target.hpp"

namespace forebay::fuzz {

std::vector<target>& targets() {
  static std::vector<target> all;
  return all;
}

}  // namespace forebay::fuzz
