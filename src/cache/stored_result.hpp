#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// A result as it lies in Redis, where anything may have happened to it: whoever reads it checks all of it. Pure.
//
//   "FBY1", xxh3 of all that follows, flags, what is below, key, reply
//
// Numbers are little endian. The reply is compressed by lz4 where that saves a fifth.
namespace forebay {

// What was written before a result was read, by whom: of each Forebay that was known then how far it had come. One that
// has written something later does not take the result.
class shared_fence {
 public:
  using proxy_id = std::uint64_t;
  void set(proxy_id who, std::uint64_t position);
  std::uint64_t of(proxy_id who) const;  // 0: nothing is known of it
  const std::vector<std::pair<proxy_id, std::uint64_t>>& all() const { return all_; }
  bool operator==(const shared_fence&) const = default;

 private:
  std::vector<std::pair<proxy_id, std::uint64_t>> all_;
};

struct stored_result {
  std::string_view key;  // all of it
  std::string reply;     // see cache_entry
  shared_fence fence;
  std::chrono::milliseconds ttl{0};  // as it was kept for
  std::chrono::microseconds cost{0};
  std::uint64_t rows = 0;

  std::string encode(std::size_t compress_over) const;
  // Nothing: damaged, of another version, of another key, or larger than `most`.
  static std::optional<stored_result> decode(std::string_view bytes, std::string_view key, std::size_t most);
};

// Where it lies: the hash of its key, the same in all Forebays.
std::string redis_name_of_result(std::string_view key);

}  // namespace forebay
