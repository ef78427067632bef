#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "admin/console.hpp"
#include "admin/result.hpp"
#include "admin/stats_history.hpp"
#include "admin/tokens.hpp"

// The console's commands: one command is one row of the table in commands.cpp and one function.
namespace forebay::admin {

// What a user must be allowed. Default deny: a user with neither has no console session at all.
enum class right : std::uint8_t { stats, admin };

// Shared by all console sessions; outlives them. Any thread.
struct console_shared {
  explicit console_shared(control_surface& s) : surface(s), stats(s.started_at) {}

  control_surface& surface;
  stats_history stats;
  std::atomic<std::uint64_t> commands{0};
};

// One run of a command. `done` is called exactly once, on any thread, now or later.
struct invocation {
  std::shared_ptr<console_shared> shared;
  std::string word;  // the command's last word, as in the table: "PAUSE", "CLIENT_ENCODING"
  statement_tokens arguments;
  std::shared_ptr<const std::atomic<bool>> cancelled;  // the client left or asked to stop
  std::function<void(outcome)> done;

  proxy& process() const { return shared->surface.process; }
};

struct command {
  std::string_view words;  // "SHOW POOLS", in upper case
  right needed = right::admin;
  std::size_t max_arguments = 0;
  columns shown;               // none: no result set
  std::string_view arguments;  // for the help: "[<db>]"
  std::string_view help;       // empty: not in the help
  void (*run)(invocation in);

  // CommandComplete's: the first word.
  std::string_view tag() const { return words.substr(0, words.find(' ')); }
};

std::span<const command> all_commands();

// A statement as the table knows it, or what is wrong with it.
struct resolved {
  const command* what = nullptr;
  statement_tokens arguments;
  std::optional<wire::pg_error> error;
};
resolved resolve(const statement_tokens& statement);

// The one place where commands start: checks the right first.
void run_command(const command& what, right granted, invocation in);

// "SHOW HELP"'s text.
std::string help_text();

}  // namespace forebay::admin
