#include "pool/node.hpp"

#include "net/stream.hpp"

namespace forebay {

std::string node::name() const {
  return host_.starts_with('/') ? host_ + ':' + std::to_string(port_) : socket_address{host_, port_}.text();
}

}  // namespace forebay
