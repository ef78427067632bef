#include "cache/stored_result.hpp"

#include <lz4.h>
#include <xxhash.h>

#include <algorithm>
#include <boost/endian/conversion.hpp>
#include <cstring>
#include <limits>

namespace forebay {
namespace {

constexpr std::string_view magic = "FBY1";
constexpr std::uint8_t compressed = 1;

template <class Number>
void put(std::string& out, Number value) {
  boost::endian::native_to_little_inplace(value);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Past its end there are zeros, and it has failed.
class cursor {
 public:
  explicit cursor(std::string_view rest) : rest_(rest) {}

  template <class Number>
  Number take() {
    Number value{};
    const auto bytes = take(sizeof value);
    if (bytes.size() == sizeof value) std::memcpy(&value, bytes.data(), sizeof value);
    return boost::endian::little_to_native(value);
  }
  std::string_view take(std::size_t size) {
    failed_ = failed_ || size > rest_.size();
    if (failed_) return {};
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::string_view rest() const { return rest_; }
  bool failed() const { return failed_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

// Empty: it is not worth it.
std::string compress(std::string_view text) {
  if (text.size() > LZ4_MAX_INPUT_SIZE) return {};
  const auto size = static_cast<int>(text.size());
  std::string out(static_cast<std::size_t>(LZ4_compressBound(size)), '\0');
  const auto used = LZ4_compress_default(text.data(), out.data(), size, static_cast<int>(out.size()));
  if (used <= 0 || static_cast<std::size_t>(used) > text.size() - text.size() / 5) return {};
  out.resize(static_cast<std::size_t>(used));
  return out;
}

bool decompress(std::string_view from, std::string& to) {
  const auto limit = static_cast<std::size_t>(std::numeric_limits<int>::max());
  if (from.size() > limit || to.size() > limit) return false;
  const auto size = static_cast<int>(to.size());
  return LZ4_decompress_safe(from.data(), to.data(), static_cast<int>(from.size()), size) == size;
}

}  // namespace

void shared_fence::set(proxy_id who, std::uint64_t position) {
  const auto known = std::ranges::find(all_, who, &std::pair<proxy_id, std::uint64_t>::first);
  known == all_.end() ? all_.emplace_back(who, position), void() : void(known->second = position);
}

std::uint64_t shared_fence::of(proxy_id who) const {
  const auto known = std::ranges::find(all_, who, &std::pair<proxy_id, std::uint64_t>::first);
  return known == all_.end() ? 0 : known->second;
}

std::string stored_result::encode(std::size_t compress_over) const {
  const auto smaller = reply.size() > compress_over ? compress(reply) : std::string();
  std::string body;
  put(body, smaller.empty() ? std::uint8_t{0} : compressed);
  put(body, static_cast<std::uint64_t>(ttl.count()));
  put(body, static_cast<std::uint64_t>(cost.count()));
  put(body, rows);
  put(body, static_cast<std::uint16_t>(fence.all().size()));
  for (const auto& [who, position] : fence.all()) {
    put(body, who);
    put(body, position);
  }
  put(body, static_cast<std::uint32_t>(key.size()));
  body += key;
  put(body, static_cast<std::uint32_t>(reply.size()));
  body += smaller.empty() ? reply : smaller;
  std::string out(magic);
  put(out, XXH3_64bits(body.data(), body.size()));
  return out + body;
}

std::optional<stored_result> stored_result::decode(std::string_view bytes, std::string_view key, std::size_t most) {
  cursor in(bytes);
  if (in.take(magic.size()) != magic) return std::nullopt;
  const auto sum = in.take<std::uint64_t>();
  if (in.failed() || sum != XXH3_64bits(in.rest().data(), in.rest().size())) return std::nullopt;
  stored_result made;
  const auto flags = in.take<std::uint8_t>();
  made.ttl = std::chrono::milliseconds(in.take<std::uint64_t>());
  made.cost = std::chrono::microseconds(in.take<std::uint64_t>());
  made.rows = in.take<std::uint64_t>();
  for (auto left = in.take<std::uint16_t>(); left > 0 && !in.failed(); --left) {
    const auto who = in.take<std::uint64_t>();
    made.fence.set(who, in.take<std::uint64_t>());
  }
  made.key = in.take(in.take<std::uint32_t>());
  const auto size = in.take<std::uint32_t>();
  if (in.failed() || made.key != key || size > most || flags > compressed) return std::nullopt;
  made.key = key;
  if (flags == compressed) {
    made.reply.resize(size);
    if (!decompress(in.rest(), made.reply)) return std::nullopt;
  } else {
    made.reply = in.rest();
    if (made.reply.size() != size) return std::nullopt;
  }
  return made;
}

std::string redis_name_of_result(std::string_view key) {
  static constexpr char digits[] = "0123456789abcdef";
  const auto hash = XXH3_128bits(key.data(), key.size());
  std::string name = "forebay:1:";
  for (const auto half : {hash.high64, hash.low64})
    for (int shift = 60; shift >= 0; shift -= 4)
      name += digits[half >> shift & 15];
  return name;
}

}  // namespace forebay
