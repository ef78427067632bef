#pragma once

#include <memory>
#include <string>

#include "net/stream.hpp"
#include "pool/server_state.hpp"

// One logged-in connection to PostgreSQL and all that is known of the session behind it.
//
// Owned by exactly one of: a lease (a session's unique_ptr), a pool's idle set, or a hand-over posted to a worker;
// only the owner touches it. Destroying it, wherever that happens, says goodbye. Its place in the pool's budget is free
// when PostgreSQL has closed its side too, which it does as its process ends: so never more processes than the budget.
namespace forebay {

class pool;

class server_connection {
 public:
  server_connection(std::shared_ptr<pool> home, stream io);
  ~server_connection();
  server_connection(const server_connection&) = delete;
  server_connection& operator=(const server_connection&) = delete;

  pool& home() const { return *home_; }
  worker& at() const { return io.at(); }

  // For an idle connection, before it is handed out: still there and silent, but for settings and notices that
  // the server may send at any time (a reload of its configuration), which are taken in.
  bool still_good();

  stream io;
  server_state state;

  // A cancel request on its way hits whatever the server runs when it arrives. So while one is in flight the
  // connection is not reused: it is parked in the gate and checked in when the last cancel connection has ended.
  struct cancel_gate {
    int in_flight = 0;
    bool overdue = false;  // one did not end in time and may hit yet: the connection is closed instead of reused
    std::unique_ptr<server_connection> parked;
  };
  std::shared_ptr<cancel_gate> cancels = std::make_shared<cancel_gate>();

  std::uint32_t backend_pid = 0;
  std::string cancel_key;  // 4 bytes in protocol 3.0

  steady::time_point connected_at;
  steady::time_point idle_since;

 private:
  static asio::awaitable<void> await_end(std::shared_ptr<pool> home, stream io);

  std::shared_ptr<pool> home_;
};

using server_ptr = std::unique_ptr<server_connection>;

}  // namespace forebay
