#include "admin/pause.hpp"

#include <charconv>

#include "core/log.hpp"

namespace forebay::admin {
namespace {

constexpr std::chrono::milliseconds look_interval{5};

}  // namespace

std::optional<std::chrono::milliseconds> parse_time(std::string_view text) {
  constexpr std::chrono::milliseconds longest = std::chrono::hours{24};
  std::uint32_t amount = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), amount);
  if (ec != std::errc() || end == text.data()) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  constexpr std::pair<std::string_view, std::int64_t> units[] = {
      {"ms", 1}, {"", 1000}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}};
  for (const auto& [name, factor] : units) {
    const std::chrono::milliseconds time{amount * factor};
    if (name == unit) return time.count() > 0 && time <= longest ? std::optional(time) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<pause_arguments> parse_pause(const statement_tokens& arguments) {
  pause_arguments out;
  auto at = arguments.begin();
  if (at != arguments.end() && !at->is_word("TIMEOUT")) out.database = *at++;
  if (at == arguments.end()) return out;
  if (!at->is_word("TIMEOUT") || arguments.end() - at != 2) return std::nullopt;
  const auto time = parse_time(at[1].text);
  if (!time) return std::nullopt;
  out.timeout = *time;
  return out;
}

std::set<std::string> paused_databases(const proxy& process) {
  std::set<std::string> paused;
  if (process.pools.paused("")) return paused;
  for (const auto& d : process.settings()->databases) {
    if (process.pools.paused(d.name)) paused.insert(d.name);
  }
  for (const auto& e : process.pools.all()) {
    if (process.pools.paused(e.database)) paused.insert(e.database);
  }
  return paused;
}

pause_wait::pause_wait(invocation in, worker& at, std::string database, std::set<std::string> before)
    : in_(std::move(in)), at_(at), database_(std::move(database)), before_(std::move(before)) {}

void pause_wait::start(invocation in, std::string database, std::chrono::milliseconds timeout,
                       std::set<std::string> before) {
  auto& at = in.process().shards.front()->on;
  auto wait = std::make_shared<pause_wait>(std::move(in), at, std::move(database), std::move(before));
  if (timeout.count() != 0) wait->give_up_ = steady::now() + timeout;
  at.post([wait] { wait->look(); });
}

void pause_wait::look() {
  const auto& pools = in_.process().pools;
  if (!pools.paused(database_)) return in_.done(failed(error("57014", "PAUSE was undone by another RESUME")));
  if (pools.drained(database_)) return in_.done({});
  if (in_.cancelled->load()) return undo("canceling PAUSE due to user request");
  if (steady::now() >= give_up_) return undo("PAUSE timed out: server connections are still in use");
  at_.post_at(steady::now() + look_interval, [self = shared_from_this()] { self->look(); });
}

void pause_wait::undo(const std::string& reason) {
  log_warning("pause_undone", {{"database", database_}, {"reason", reason}});
  auto& pools = in_.process().pools;
  pools.resume(database_);
  if (database_.empty()) {
    for (const auto& name : before_)
      pools.pause(name);
  }
  in_.done(failed(error("57014", reason)));
}

}  // namespace forebay::admin
