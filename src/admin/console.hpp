#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "session/console_session.hpp"
#include "session/shard.hpp"

// The administration console: what clients of the database "forebay" (or "pgbouncer") talk to.
namespace forebay {

struct reload_result {
  std::vector<std::string> wrong;  // with the configuration; empty: applied
  std::vector<std::string> kept;   // settings that changed in it and need a restart
};

// What the console can see and do, given by the application; outlives every console session. The callables may be
// called from any thread, but for the last.
struct control_surface {
  proxy& process;
  std::function<reload_result()> reload;
  std::function<void(bool immediately)> shutdown;  // at once, or each client at its transaction's end
  std::function<bool()> stopping;                  // it shuts down; for the control thread alone
  std::chrono::system_clock::time_point started_at;
  std::string version;
};

// Rights: `admin` users may do everything, `stats` users may SHOW, anybody else gets no console.
console_factory make_console_factory(control_surface& surface);

}  // namespace forebay
