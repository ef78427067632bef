#pragma once

#include <memory>

#include "net/resolver.hpp"
#include "pool/pool.hpp"

// Opens server connections: resolve, connect, log in, all under one deadline, as a coroutine on the worker that asked.
// Ends in pool::opened() or pool::open_failed(), always. Any number at once.
namespace forebay {

class connector {
 public:
  using suspicion = std::function<void(const node&, const wire::pg_error& why)>;

  // `suspect` hears of each node where a login failed for the node's own reasons.
  connector(resolver& names, suspicion suspect) : names_(names), suspect_(std::move(suspect)) {}

  void open(std::shared_ptr<pool> where, worker& on);

  // A bare connection to the node, for a cancel request; secured for certain, where `tls` is given. Null: it failed,
  // `why` says how.
  asio::awaitable<std::optional<stream>> connect(const node& to, std::shared_ptr<const tls_context> tls, worker& on,
                                                 std::chrono::milliseconds timeout, std::string& why);

 private:
  asio::awaitable<void> run(std::shared_ptr<pool> where, worker& on);

  resolver& names_;
  const suspicion suspect_;
};

}  // namespace forebay
