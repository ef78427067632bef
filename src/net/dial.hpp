#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/deadline.hpp"
#include "net/resolver.hpp"
#include "net/stream.hpp"

// To open a connection, as part of a coroutine on a worker, under one deadline with what follows.
namespace forebay {

// Ends whatever the connection waits for when the time is up.
struct time_limit {
  stream* io = nullptr;
  bool expired = false;
  deadline at{[](void* self) {
                auto& limit = *static_cast<time_limit*>(self);
                limit.expired = true;
                if (limit.io) limit.io->cancel_wait();
              },
              this};

  // What went wrong, for people.
  std::string reason(const error_code& ec) const { return expired ? "timeout" : ec.message(); }
};

// Connects to the first address that answers.
asio::awaitable<error_code> connect_first(std::optional<stream>& io, const std::vector<endpoint>& addresses, worker& on,
                                          time_limit& limit);

// Begins TLS with `peer`, a name or an address, and goes on until it is secured.
asio::awaitable<error_code> shake_hands(stream& io, std::shared_ptr<const tls_context> with, std::string peer);

}  // namespace forebay
