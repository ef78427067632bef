#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "session/exchange.hpp"

// Plays conversations of clients with server connections through the exchange, written down as dialogues:
//
//   == alice on one                       who talks from here on; both are made when first named
//   client: Parse s1 'select 1'; Sync     what the client sends, in one event
//   to server: Parse [select 1] 'select 1'; Sync
//   server: ParseComplete; Ready I        what the server sends, in one event
//   to client: ParseComplete; Ready I
//   = releasable                          or: not releasable, pinned REASON, unpinned, prepared N, transactions N,
//                                         queries N, reset (DISCARD ALL is owed), clean, violation, farewell or
//                                         forbidden CODE 'text'
//
// Every byte that goes to either side must be expected by the lines that follow the event. A line without an event's
// mark continues the one before. Arguments are words, 'texts' with '' for a quote, or [text]: the name that servers
// have for the statement of this text. A statement or portal without a name is written -. The messages are in
// dialogue.cpp.
namespace forebay::test {

class dialogue {
 public:
  void play(std::string_view script);

  client_state& client(const std::string& name) { return clients_[name].state; }
  server_state& server(const std::string& name) { return servers_[name]; }
  // One event: bytes of either side; what is not complete or must wait comes with the next.
  void from_client(std::string_view bytes);
  void from_server(std::string_view bytes);
  // What has gone to either side since it was last asked for.
  std::string take_to_server() { return std::exchange(to_server_, {}); }
  std::string take_to_client() { return std::exchange(to_client_, {}); }
  std::optional<wire::pg_error> client_error;  // the session's end
  exchange::progress progress = exchange::progress::more;
  wire::pg_error farewell;
  bool releasable();

 private:
  struct one_client {
    client_state state;
    wire::framer framer;
    std::string kept;
  };
  void expect(std::string& got, const std::string& messages, bool from_server);
  void look(const std::string& what);
  void nothing_left(const std::string& line);
  template <class Function>
  void event(Function what);

  std::map<std::string, one_client> clients_;
  std::map<std::string, server_state> servers_;
  classifier sql_;
  std::map<std::string, std::string> kept_of_servers_;
  std::string client_ = "client", server_ = "server";
  std::string to_server_, to_client_;
};

inline void play(std::string_view script) {
  dialogue d;
  d.play(script);
}

// One message as bytes, from its text.
std::string message(std::string_view text, bool from_server);
// The messages in `bytes`, as texts.
std::string describe(std::string_view bytes, bool from_server);

}  // namespace forebay::test
