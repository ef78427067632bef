#include <charconv>

#include "admin/functions.hpp"
#include "admin/gather_shards.hpp"
#include "admin/pause.hpp"
#include "core/log.hpp"
#include "session/session.hpp"

namespace forebay::admin {
namespace {

constexpr const char* killed = "terminating connection due to administrator command";

// The database a command names, "" for all; or why it cannot be meant.
std::optional<wire::pg_error> refuse_database(const invocation& in, const token& named) {
  if (named.what == token::kind::symbol || named.what == token::kind::text || named.text.empty()) {
    return error("42601", "syntax error: a database name is expected after " + in.word);
  }
  if (is_console_database(named.text)) {
    return error("55000", "cannot " + in.word + " the console's own database");
  }
  if (!in.process().settings()->find_database(named.text)) {
    return error("3D000", "no such database: " + named.text, "SHOW DATABASES lists them.");
  }
  return std::nullopt;
}

// For commands whose only argument is a database: false when it was refused, which then was answered.
bool take_database(const invocation& in, std::string& database) {
  if (in.arguments.empty()) return true;
  if (auto refused = refuse_database(in, in.arguments[0])) {
    in.done(failed(std::move(*refused)));
    return false;
  }
  database = in.arguments[0].text;
  return true;
}

std::string all_or(const std::string& database) {
  return database.empty() ? "all databases" : "database " + database;
}

void log_command(const invocation& in, const std::string& database) {
  log_info("console_command", {{"command", in.word}, {"database", database}});
}

bool anything_paused(const proxy& process) {
  if (process.pools.paused("")) return true;
  return !paused_databases(process).empty();
}

}  // namespace

void reload(invocation in) {
  log_command(in, "");
  const auto [wrong, kept] = in.shared->surface.reload();
  if (wrong.empty()) {
    outcome out;
    for (const auto& key : kept)
      out.notice += (out.notice.empty() ? "needs a restart, stays as it was: " : ", ") + key;
    return in.done(std::move(out));
  }
  auto why = error("F0000", "RELOAD failed, the old configuration stays: " + wrong.front());
  for (const auto& line : wrong)
    why.detail += (why.detail.empty() ? "" : "\n") + line;
  in.done(failed(std::move(why)));
}

void pause(invocation in) {
  auto wanted = parse_pause(in.arguments);
  if (!wanted)
    return in.done(
        failed(error("42601", "syntax error", "Usage: PAUSE [<db>] [TIMEOUT <time>], time as in 5s, 500ms or 1min")));
  if (wanted->database) {
    if (auto refused = refuse_database(in, *wanted->database)) return in.done(failed(std::move(*refused)));
  }
  const auto database = wanted->database ? wanted->database->text : std::string();
  auto& pools = in.process().pools;
  if (pools.paused(database)) return in.done(failed(error("55000", all_or(database) + " is already paused")));
  log_command(in, database);
  const auto before = paused_databases(in.process());
  pools.pause(database);
  pause_wait::start(std::move(in), database, wanted->timeout, before);
}

void resume(invocation in) {
  std::string database;
  if (!take_database(in, database)) return;
  auto& pools = in.process().pools;
  if (!database.empty() && pools.paused("")) {
    return in.done(failed(error("55000", "all databases are paused", "RESUME without a name ends that.")));
  }
  if (database.empty() ? !anything_paused(in.process()) : !pools.paused(database)) {
    return in.done(failed(error("55000", all_or(database) + " is not paused")));
  }
  log_command(in, database);
  pools.resume(database);
  in.done({});
}

void kill(invocation in) {
  std::string database;
  if (!take_database(in, database)) return;
  log_command(in, database);
  in.process().pools.pause(database);
  gather_shards<std::size_t>(
      in.process(),
      [database](shard& home) {
        std::size_t count = 0;
        home.for_each([&](session& s) {
          if (s.gone() || is_console_database(s.database()) || (!database.empty() && s.database() != database)) return;
          s.kill(killed);
          ++count;
        });
        return count;
      },
      [done = in.done](std::vector<std::size_t>) { done({}); });
}

void kill_client(invocation in) {
  std::uint32_t number = 0;
  const std::string_view text = in.arguments.empty() ? std::string_view() : in.arguments[0].text;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || ec != std::errc() || end != text.data() + text.size()) {
    return in.done(failed(error("42601", "a client's id is expected", "SHOW CLIENTS shows it as id.")));
  }
  const auto missing = [number] { return failed(error("42704", "client not found: " + std::to_string(number))); };
  auto& shards = in.process().shards;
  const auto home = shard::worker_of(number);
  if (home >= shards.size()) return in.done(missing());
  log_info("console_command", {{"command", in.word}, {"client", number}});
  shards[home]->on.post([s = shards[home].get(), number, missing, done = in.done] {
    const auto victim = s->find(number);
    const bool there = victim && !victim->gone();
    if (there) victim->kill(killed);
    done(there ? outcome{} : missing());
  });
}

void reconnect(invocation in) {
  std::string database;
  if (!take_database(in, database)) return;
  log_command(in, database);
  for (const auto& e : in.process().pools.all()) {
    if (database.empty() || e.database == database) e.pool->close_idle();
  }
  in.done({});
}

void shutdown(invocation in) {
  const bool gently = !in.arguments.empty();
  if (gently && !in.arguments[0].is_word("WAIT_FOR_SERVERS") && !in.arguments[0].is_word("WAIT_FOR_CLIENTS")) {
    return in.done(failed(error("42601", "syntax error", "Usage: SHUTDOWN [WAIT_FOR_SERVERS|WAIT_FOR_CLIENTS]")));
  }
  log_info("console_command", {{"command", in.word}, {"mode", gently ? in.arguments[0].text : "immediate"}});
  outcome out;
  out.afterwards = [shared = in.shared, gently] { shared->surface.shutdown(!gently); };
  in.done(std::move(out));
}

}  // namespace forebay::admin
