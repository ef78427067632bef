#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

struct iovec;

namespace forebay {

// What is to be written, gathered from pieces of what was just read (not copied) and of our own bytes (copied).
// Views must stay valid until the gather is written or cleared.
class gather {
 public:
  void view(std::string_view bytes);
  void copy(std::string_view bytes);
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  void clear();

  // The pieces from `skip` bytes on, as the kernel wants them.
  void fill(std::vector<iovec>& out, std::size_t skip) const;
  void append_to(std::string& out, std::size_t skip) const;

 private:
  struct segment {
    const char* data;  // null: own_[offset, offset + size)
    std::size_t offset;
    std::size_t size;
  };
  std::string_view bytes_of(const segment& s) const;

  std::vector<segment> segments_;
  std::string own_;
  std::size_t size_ = 0;
};

}  // namespace forebay
