#include "cache/entry.hpp"

#include <xxhash.h>

#include <span>

#include "core/random.hpp"

namespace forebay {

namespace {

// What an allocation takes beyond what was asked for.
constexpr std::size_t allocation = 16;

std::size_t outside(const std::string& text) {
  static const auto inside = std::string().capacity();
  return text.capacity() <= inside ? 0 : text.capacity() + 1 + allocation;
}

}  // namespace

// With a secret that nobody outside can know, nobody can make keys that share a hash.
cache_key cache_key::of(std::string_view bytes) {
  static const auto secret = random_bytes(XXH3_SECRET_SIZE_MIN + 56);
  const auto hash = XXH3_128bits_withSecret(bytes.data(), bytes.size(), secret.data(), secret.size());
  return {bytes, {hash.low64, hash.high64}};
}

std::uint64_t hash_of_tag(std::string_view tag) {
  return XXH3_64bits(tag.data(), tag.size());
}

std::size_t cache_entry::bytes() const {
  const auto counters = 2 * sizeof(void*);  // of the shared pointer, beside the entry
  auto all = sizeof(cache_entry) + counters + allocation + outside(key) + outside(reply);
  if (depends.capacity() > 0) all += std::span(depends.data(), depends.capacity()).size_bytes() + allocation;
  if (tags.capacity() > 0) all += tags.capacity() * sizeof(std::string) + allocation;
  for (const auto& tag : tags)
    all += outside(tag);
  return all;
}

}  // namespace forebay
