#include "protocol/wire/framer.hpp"

#include <algorithm>

namespace forebay::wire {

result<std::optional<piece>> framer::next(std::string_view& in) {
  if (failure_ != errc{}) return make_error_code(failure_);
  if (remaining_ != 0) {
    if (in.empty()) return std::optional<piece>{};
    const auto taken = std::min<std::size_t>(remaining_, in.size());
    const piece p{type_, body_size_, in.substr(0, taken), false, taken == remaining_};
    remaining_ -= static_cast<std::uint32_t>(taken);
    in.remove_prefix(taken);
    return std::optional(p);
  }
  if (piece p; take_whole(in, p)) return std::optional(p);
  if (in.size() < header_size) return std::optional<piece>{};
  std::uint32_t length = 0;
  for (std::size_t i = 1; i < header_size; ++i)
    length = length << 8 | static_cast<unsigned char>(in[i]);
  if (length < 4 || length - 4 > max_body) {
    failure_ = length < 4 ? errc::length_too_small : errc::length_too_large;
    return make_error_code(failure_);
  }
  const std::size_t total = std::size_t{length} + 1;
  const bool splits = splittable_ && splittable_->contains(in.front());
  if (!splits && (total <= whole_limit || in.size() < whole_limit)) return std::optional<piece>{};
  type_ = in.front();
  body_size_ = length - 4;
  remaining_ = static_cast<std::uint32_t>(total - in.size());
  const piece p{type_, body_size_, in, true, false};
  in.remove_prefix(in.size());
  return std::optional(p);
}

}  // namespace forebay::wire
