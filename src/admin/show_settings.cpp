#include <algorithm>
#include <map>

#include "admin/functions.hpp"
#include "config/describe.hpp"

namespace forebay::admin {
namespace {

constexpr std::string_view console_name = "forebay";

row text_row(std::initializer_list<std::string_view> texts) {
  row r;
  for (const auto text : texts)
    r.emplace_back(std::string(text));
  return r;
}

cell optional_mode(const std::optional<config::pool_mode>& mode) {
  return mode ? cell(std::string(name_of(*mode))) : cell();
}

// Server connections that are open, by what `key` makes of a pool.
std::map<std::string, std::int64_t> open_servers(const proxy& process, std::string pool_directory::entry::*key) {
  std::map<std::string, std::int64_t> open;
  for (const auto& e : process.pools.all())
    open[e.*key] += e.pool->state(steady::now()).open;
  return open;
}

row database_row(const config::settings& s, const config::database& d, const std::string& name, std::int64_t open,
                 bool paused) {
  const auto* cluster = s.find_cluster(d.cluster);
  std::string hosts;
  cell port;
  if (cluster && !cluster->nodes.empty()) {
    for (const auto& n : cluster->nodes)
      hosts += (hosts.empty() ? "" : ",") + n.host;
    port = number(cluster->nodes.front().port);
  }
  const auto lifetime = std::chrono::duration_cast<std::chrono::seconds>(s.pool.server_lifetime);
  const auto size = d.pool_size.value_or(s.pool.size);
  return {name,
          hosts,
          port,
          d.dbname.empty() ? name : d.dbname,
          d.user.empty() ? cell() : cell(d.user),
          number(size),
          number(std::min(s.pool.min_size, size)),
          number(s.pool.reserve_size),
          number(lifetime.count()),
          optional_mode(d.mode),
          cell(),
          number(d.max_connections),
          number(open),
          number(0),
          number(0),
          number(paused ? 1 : 0),
          number(0),
          d.cluster};
}

row console_row(const config::settings& s) {
  const std::string name(console_name);
  const cell port = s.listen.addresses.empty() ? cell() : number(s.listen.addresses.front().port);
  return {name,      cell(),    port,      name,      name,
          number(2), number(0), number(0), number(0), std::string("statement"),
          cell(),    number(0), number(0), number(0), number(0),
          number(0), number(0), cell()};
}

}  // namespace

std::string_view name_of(config::pool_mode mode) {
  switch (mode) {
    case config::pool_mode::transaction:
      return "transaction";
    case config::pool_mode::session:
      return "session";
    case config::pool_mode::statement:
      return "statement";
  }
  return "";
}

void show_help(invocation in) {
  outcome out;
  out.notice = "Console usage";
  out.notice_detail = help_text();
  in.done(std::move(out));
}

void show_version(invocation in) {
  in.done(rows({text_row({"Forebay " + in.shared->surface.version})}));
}

void show_config(invocation in) {
  std::vector<row> out;
  for (auto& d : config::describe(*in.process().settings())) {
    out.push_back(
        {std::move(d.key), std::move(d.value), std::move(d.default_value), std::string(d.fixed ? "no" : "yes")});
  }
  in.done(rows(std::move(out)));
}

void show_databases(invocation in) {
  const auto& process = in.process();
  const auto settings = process.settings();
  auto open = open_servers(process, &pool_directory::entry::database);
  std::vector<row> out;
  for (const auto& d : settings->databases) {
    out.push_back(database_row(*settings, d, d.name, open[d.name], process.pools.paused(d.name)));
    open.erase(d.name);
  }
  for (const auto& [name, count] : open) {  // those that "*" stands for
    const auto* d = settings->find_database(name);
    if (d) out.push_back(database_row(*settings, *d, name, count, process.pools.paused(name)));
  }
  out.push_back(console_row(*settings));
  in.done(rows(std::move(out)));
}

void show_users(invocation in) {
  const auto settings = in.process().settings();
  auto open = open_servers(in.process(), &pool_directory::entry::user);
  std::vector<row> out;
  for (const auto& u : settings->users) {
    out.push_back({u.name, u.pool_size ? std::to_string(*u.pool_size) : "", std::string(), optional_mode(u.mode),
                   number(u.max_connections), number(open[u.name]), number(0), number(0), number(u.admin ? 1 : 0),
                   number(u.stats ? 1 : 0)});
  }
  in.done(rows(std::move(out)));
}

void show_state(invocation in) {
  const bool paused = in.process().pools.paused("");
  in.done(rows({text_row({"active", paused ? "no" : "yes"}), text_row({"paused", paused ? "yes" : "no"}),
                text_row({"suspended", "no"})}));
}

void show_nothing(invocation in) {
  in.done({});
}

void show_driver_setting(invocation in) {
  const auto* setting = std::find_if(std::begin(driver_settings), std::end(driver_settings),
                                     [&](const driver_setting& s) { return s.name == in.word; });
  in.done(rows({text_row({setting->value})}));
}

// Only for drivers that set up a session without being asked to: nothing is set.
void set_setting(invocation in) {
  const auto& words = in.arguments;
  std::size_t at = 0;
  if (words.size() > 1 && (words[0].is_word("SESSION") || words[0].is_word("LOCAL"))) ++at;
  if (words.size() < at + 3) return in.done(failed(error("42601", "syntax error: SET name = value")));
  const auto name = upper_case(words[at].text);
  const bool known = std::any_of(std::begin(driver_settings), std::end(driver_settings),
                                 [&](const driver_setting& s) { return s.name == name; });
  if (!known) {
    return in.done(failed(
        error("0A000", "settings cannot be changed on the console", "Change the configuration file, then RELOAD.")));
  }
  outcome out;
  out.notice = "SET ignored";
  in.done(std::move(out));
}

void ignore(invocation in) {
  in.done({});
}

}  // namespace forebay::admin
