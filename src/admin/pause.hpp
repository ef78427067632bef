#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>

#include "admin/command.hpp"
#include "net/worker.hpp"

// PAUSE [<db>] [TIMEOUT <time>]: its arguments, and the wait until no server connection is open.
namespace forebay::admin {

struct pause_arguments {
  std::optional<token> database;
  std::chrono::milliseconds timeout{0};  // zero: none
};
std::optional<pause_arguments> parse_pause(const statement_tokens& arguments);

// "500ms", "5s", "2min", "1h"; a number alone is seconds. Null: something else, zero, or more than a day.
std::optional<std::chrono::milliseconds> parse_time(std::string_view text);

// Databases that are paused by name, "all" apart.
std::set<std::string> paused_databases(const proxy& process);

// Looks every few milliseconds, on a worker's thread, whether the database has drained. It ends with the command done,
// or, undoing the pause, when the time is up or the client leaves or cancels.
class pause_wait : public std::enable_shared_from_this<pause_wait> {
 public:
  // `before`: what was paused before, and stays so if this pause is undone.
  static void start(invocation in, std::string database, std::chrono::milliseconds timeout,
                    std::set<std::string> before);

  pause_wait(invocation in, worker& at, std::string database, std::set<std::string> before);

 private:
  void look();
  void undo(const std::string& reason);

  invocation in_;
  worker& at_;
  const std::string database_;
  const std::set<std::string> before_;
  steady::time_point give_up_ = steady::time_point::max();
};

}  // namespace forebay::admin
