#include "pool/node.hpp"

#include "net/stream.hpp"

namespace forebay {

std::string node::name() const {
  return host_.starts_with('/') ? host_ + ':' + std::to_string(port_) : socket_address{host_, port_}.text();
}

void node::set_max_connections(std::uint32_t limit) {
  const std::lock_guard lock(mutex_);
  max_connections_ = limit;
}

std::uint32_t node::open() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

}  // namespace forebay
