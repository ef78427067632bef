#include "net/gather.hpp"

#include <sys/uio.h>

#include <algorithm>

namespace forebay {
namespace {

constexpr std::size_t max_iovecs = 64;           // pieces per system call; more are rare and take another call
constexpr std::size_t own_capacity = 64 * 1024;  // larger memory is given back

}  // namespace

void gather::view(std::string_view bytes) {
  if (bytes.empty()) return;
  size_ += bytes.size();
  if (!segments_.empty() && segments_.back().data && segments_.back().data + segments_.back().size == bytes.data()) {
    segments_.back().size += bytes.size();
    return;
  }
  segments_.push_back({bytes.data(), 0, bytes.size()});
}

void gather::copy(std::string_view bytes) {
  if (bytes.empty()) return;
  size_ += bytes.size();
  if (!segments_.empty() && !segments_.back().data) {
    segments_.back().size += bytes.size();  // own bytes only ever grow at the end, so the last piece is contiguous
  } else {
    segments_.push_back({nullptr, own_.size(), bytes.size()});
  }
  own_.append(bytes);
}

void gather::clear() {
  segments_.clear();
  own_.clear();
  if (own_.capacity() > own_capacity) std::string().swap(own_);
  size_ = 0;
}

std::string_view gather::bytes_of(const segment& s) const {
  return {s.data ? s.data : own_.data() + s.offset, s.size};
}

void gather::fill(std::vector<iovec>& out, std::size_t skip) const {
  out.clear();
  for (const auto& s : segments_) {
    auto bytes = bytes_of(s);
    if (skip >= bytes.size()) {
      skip -= bytes.size();
      continue;
    }
    bytes.remove_prefix(skip);
    skip = 0;
    out.push_back({const_cast<char*>(bytes.data()), bytes.size()});
    if (out.size() == max_iovecs) return;
  }
}

void gather::append_to(std::string& out, std::size_t skip) const {
  for (const auto& s : segments_) {
    auto bytes = bytes_of(s);
    const auto passed = std::min(skip, bytes.size());
    skip -= passed;
    out.append(bytes.substr(passed));
  }
}

}  // namespace forebay
