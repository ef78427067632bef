#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "config/config.hpp"

// A session of the administration console, as the session sees it; src/admin implements it.
namespace forebay {

class console_session {
 public:
  // The bytes to send; `close` ends the session after them.
  struct answer {
    std::string bytes;
    bool close = false;
  };

  virtual ~console_session() = default;
  // What a client is told right after AuthenticationOk, up to and without BackendKeyData: ParameterStatus messages.
  virtual std::string greeting() = 0;
  // One message of the client (simple or extended protocol). `done` is called once, on any thread, now or later;
  // the next message comes only then.
  virtual void message(char type, std::string_view body, std::function<void(answer)> done) = 0;
  // What runs should stop, if it can.
  virtual void cancel() = 0;
};

// Null: this user has no business on the console.
using console_factory =
    std::function<std::unique_ptr<console_session>(const config::settings&, const std::string& user)>;

// Databases by which clients reach the console.
inline bool is_console_database(std::string_view name) {
  return name == "forebay" || name == "pgbouncer";
}

}  // namespace forebay
