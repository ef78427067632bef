#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

// The log: one line per event that an operator wants, as text or JSON, on standard error.
//
//   log_info("client_login", {{"client", peer}, {"database", name}});
//   -> 2026-11-22T10:00:00.000 info  client_login client=127.0.0.1:5501 database=app
//
// Event names are snake_case and stable. Values never hold a secret: nothing that came in a password message, a
// configuration's password or secret key, or a SCRAM exchange is ever passed here.
namespace forebay {

enum class log_level { debug, info, warning, error, off };

struct log_field {
  std::string_view key;
  std::string value;

  log_field(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  log_field(std::string_view k, std::string_view v) : key(k), value(v) {}
  log_field(std::string_view k, const char* v) : key(k), value(v) {}
  log_field(std::string_view k, std::integral auto v) : key(k), value(std::to_string(v)) {}
};

// Called once at start-up, and again when a reload changes the level. Unknown level names are refused by the
// configuration loader before they get here.
void log_setup(std::string_view level, bool json);

bool log_enabled(log_level level);
void log_event(log_level level, std::string_view event, std::initializer_list<log_field> fields = {});

inline void log_debug(std::string_view event, std::initializer_list<log_field> fields = {}) {
  if (log_enabled(log_level::debug)) log_event(log_level::debug, event, fields);
}
inline void log_info(std::string_view event, std::initializer_list<log_field> fields = {}) {
  log_event(log_level::info, event, fields);
}
inline void log_warning(std::string_view event, std::initializer_list<log_field> fields = {}) {
  log_event(log_level::warning, event, fields);
}
inline void log_error(std::string_view event, std::initializer_list<log_field> fields = {}) {
  log_event(log_level::error, event, fields);
}

}  // namespace forebay
