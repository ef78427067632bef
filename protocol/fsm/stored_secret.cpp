#include "protocol/fsm/stored_secret.hpp"

#include <algorithm>
#include <utility>

#include "protocol/fsm/scram.hpp"

namespace forebay::fsm {
namespace {

constexpr std::size_t md5_text_size = 35;  // "md5" and 32 hex digits

}  // namespace

stored_secret stored_secret::from_text(std::string text) {
  if (text.empty()) return {};
  if (text.starts_with(scram_secret_prefix)) {
    return scram_secret::parse(text) ? stored_secret{kind::scram, std::move(text)} : stored_secret{};
  }
  if (text.size() == md5_text_size && text.starts_with("md5") &&
      text.find_first_not_of("0123456789abcdefABCDEF", 3) == std::string::npos) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; });
    return {kind::md5, std::move(text)};
  }
  return {kind::clear, std::move(text)};
}

}  // namespace forebay::fsm
