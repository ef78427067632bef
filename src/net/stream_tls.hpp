#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "net/stream.hpp"
#include "net/tls.hpp"

// What a stream has besides once it is secured. On the stream's worker; the engine alone is a side thread's while busy.
namespace forebay {

struct stream::secured {
  secured(std::shared_ptr<const tls_context> context, std::string peer, std::string known_as)
      : engine(std::move(context), std::move(peer), std::move(known_as)) {}

  tls_engine engine;
  // A step of the handshake is run elsewhere. Its outcome:
  bool busy = false;
  std::atomic<bool> gone = false;  // the stream is closed: nobody needs what has not begun
  std::string out;
  error_code ec;
  // Who waits to read meanwhile; null: nobody.
  poller::handler tell = nullptr;
  void* owner = nullptr;

  void tell_waiting(readiness what) {
    if (const auto told = std::exchange(tell, nullptr)) told(owner, what);
  }
};

}  // namespace forebay
