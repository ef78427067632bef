#include "conversation.hpp"

namespace forebay::fsm::test {

std::vector<breakage> broken(const std::string& message) {
  const char type = type_of(message);
  const auto body = body_of(message);
  std::vector<breakage> ways;
  for (std::size_t size = 0; size < body.size(); ++size)
    ways.push_back({"cut after " + std::to_string(size), type, body.substr(0, size)});
  ways.push_back({"a zero byte behind", type, body + '\0'});
  ways.push_back({"a letter behind", type, body + 'x'});
  ways.push_back({"there twice", type, body + body});
  for (int other = 0; other < 256; ++other) {
    if (static_cast<char>(other) != type) {
      ways.push_back({"of type " + std::to_string(other), static_cast<char>(other), body});
    }
  }
  return ways;
}

}  // namespace forebay::fsm::test
