#pragma once

#include <cstdint>
#include <string>

#include "pool/server_connection.hpp"
#include "session/shard.hpp"

// Cancel requests (PostgreSQL manual, "Canceling Requests in Progress").
namespace forebay {

// A client asks to cancel what the session of this number does; from any worker. A wrong number or key does nothing.
void send_cancel(proxy& process, std::uint32_t number, std::string key);

// Tells PostgreSQL to cancel what this server connection runs. Until the request's own connection has ended, the
// server connection is not given to anybody else, so the request cannot hit a later query.
void cancel_on_server(proxy& process, server_connection& server);

}  // namespace forebay
