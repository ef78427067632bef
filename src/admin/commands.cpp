#include <algorithm>
#include <numeric>

#include "admin/columns.hpp"
#include "admin/functions.hpp"

namespace forebay::admin {
namespace {

constexpr std::size_t longest_quoted = 60;  // of a client's text in an error

template <std::size_t N>
constexpr command driver_row(std::string_view words) {
  return {words, right::stats, 0, driver_settings[N].shown, {}, {}, show_driver_setting};
}

constexpr command table[] = {
    {"SHOW HELP", right::stats, 0, {}, {}, "this list", show_help},
    {"SHOW VERSION", right::stats, 0, shown::version, {}, "Forebay's version", show_version},
    {"SHOW CONFIG", right::stats, 0, shown::config, {}, "the settings in force", show_config},
    {"SHOW DATABASES", right::stats, 0, shown::databases, {}, "databases and where they lead", show_databases},
    {"SHOW USERS", right::stats, 0, shown::users, {}, "users of the configuration", show_users},
    {"SHOW POOLS", right::stats, 0, shown::pools, {}, "pools by database and user", show_pools},
    {"SHOW CLIENTS", right::stats, 0, shown::sockets, {}, "client connections", show_clients},
    {"SHOW SERVERS", right::stats, 0, shown::sockets, {}, "server connections", show_servers},
    {"SHOW SOCKETS", right::stats, 0, shown::sockets, {}, "both", show_sockets},
    {"SHOW STATS", right::stats, 0, shown::stats, {}, "totals and averages by database", show_stats},
    {"SHOW STATS_TOTALS", right::stats, 0, shown::half_stats, {}, "totals by database", show_stats_totals},
    {"SHOW STATS_AVERAGES", right::stats, 0, shown::half_stats, {}, "averages by database", show_stats_averages},
    {"SHOW TOTALS", right::stats, 0, shown::totals, {}, "totals and averages over all databases", show_totals},
    {"SHOW LISTS", right::stats, 0, shown::lists, {}, "how many of everything", show_lists},
    {"SHOW MEM", right::stats, 0, shown::mem, {}, "memory of connections and of the process", show_mem},
    {"SHOW STATE", right::stats, 0, shown::state, {}, "active or paused", show_state},
    {"SHOW NODES", right::stats, 0, shown::nodes, {}, "the clusters' nodes: role, state, lag, work", show_nodes},
    {"SHOW BREAKERS", right::stats, 0, shown::breakers, {}, "the nodes' circuit breakers", show_breakers},
    {"SHOW ROUTES", right::stats, 0, shown::routes, {}, "where requests went, and why to the primary", show_routes},
    {"SHOW CACHE", right::stats, 0, shown::cache, {}, "the result cache: what it holds and has done", show_cache},
    {"SHOW CACHE ENTRIES", right::stats, 1, shown::cache_entries, "[<n>]", "the results worth most",
     show_cache_entries},
    {"SHOW DNS_HOSTS", right::stats, 0, shown::dns_hosts, {}, {}, show_nothing},
    driver_row<0>("SHOW CLIENT_ENCODING"),
    driver_row<1>("SHOW DEFAULT_TRANSACTION_ISOLATION"),
    driver_row<2>("SHOW TRANSACTION_ISOLATION"),
    driver_row<3>("SHOW STANDARD_CONFORMING_STRINGS"),
    driver_row<4>("SHOW DATESTYLE"),
    driver_row<5>("SHOW TIMEZONE"),
    driver_row<6>("SHOW EXTRA_FLOAT_DIGITS"),
    driver_row<7>("SHOW APPLICATION_NAME"),

    {"RELOAD", right::admin, 0, {}, {}, "reads the configuration again; a wrong one changes nothing", reload},
    {"PAUSE",
     right::admin,
     3,
     {},
     "[<db>] [TIMEOUT <time>]",
     "holds new work back, returns when no server connection is open",
     pause},
    {"RESUME", right::admin, 1, {}, "[<db>]", "ends a PAUSE or KILL", resume},
    {"KILL", right::admin, 1, {}, "[<db>]", "ends the clients, closes the server connections and pauses", kill},
    {"KILL_CLIENT", right::admin, 1, {}, "<id>", "ends one client; id as in SHOW CLIENTS", kill_client},
    {"RECONNECT",
     right::admin,
     1,
     {},
     "[<db>]",
     "closes the idle server connections; those in use stay until their server_lifetime",
     reconnect},
    {"CACHE FLUSH",
     right::admin,
     2,
     {},
     "[ALL | DATABASE <db> | TABLE <table> | TAG <tag>]",
     "forgets cached results",
     cache_flush},
    {"NODE DRAIN", right::admin, 8, {}, "<host:port>", "no new work for a node", node_drain},
    {"NODE RESUME", right::admin, 8, {}, "<host:port>", "ends a NODE DRAIN", node_resume},
    {"SHUTDOWN",
     right::admin,
     1,
     {},
     "[WAIT_FOR_SERVERS|WAIT_FOR_CLIENTS]",
     "at once, or each client at its transaction's end",
     shutdown},

    {"SET", right::stats, 32, {}, {}, {}, set_setting},
    {"RESET", right::stats, 8, {}, {}, {}, ignore},
    {"DISCARD", right::stats, 1, {}, {}, {}, ignore},
    {"BEGIN", right::stats, 8, {}, {}, {}, ignore},
    {"COMMIT", right::stats, 1, {}, {}, {}, ignore},
    {"ROLLBACK", right::stats, 1, {}, {}, {}, ignore},
};

// Edits (insert, delete, replace) from one to the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> costs(b.size() + 1);
  std::iota(costs.begin(), costs.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto diagonal = std::exchange(costs[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto replace = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = costs[j + 1];
      costs[j + 1] = std::min({replace, costs[j] + 1, costs[j + 1] + 1});
    }
  }
  return costs.back();
}

const command& nearest(std::string_view words) {
  return *std::min_element(std::begin(table), std::end(table), [&](const command& a, const command& b) {
    return distance(words, a.words) < distance(words, b.words);
  });
}

std::string printable(std::string_view text) {
  std::string out(text.substr(0, longest_quoted));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out + (text.size() > longest_quoted ? "..." : "");
}

std::string usage(const command& c) {
  return std::string(c.words) + (c.arguments.empty() ? "" : " ") + std::string(c.arguments);
}

wire::pg_error unknown(const statement_tokens& statement) {
  std::string words = statement[0].text;
  if (statement.size() > 1) words += " " + statement[1].text;
  const auto& meant = nearest(upper_case(std::string_view(words).substr(0, longest_quoted)));
  return error("42601", "unknown command \"" + printable(words) + "\"",
               "Did you mean " + std::string(meant.words) + "? SHOW HELP lists the commands.");
}

}  // namespace

std::span<const command> all_commands() {
  return table;
}

resolved resolve(const statement_tokens& statement) {
  constexpr std::size_t most_words = 3;
  resolved out;
  std::size_t words = 0;  // the longest command counts
  std::string text;
  for (std::size_t n = 0; n < std::min(most_words, statement.size()); ++n) {
    if (statement[n].what != token::kind::word) break;
    text += (n == 0 ? "" : " ") + upper_case(statement[n].text);
    const auto* found = std::ranges::find(table, text, &command::words);
    if (found == std::end(table)) continue;
    out.what = found;
    words = n + 1;
  }
  if (!out.what) return {nullptr, {}, unknown(statement)};
  out.arguments.assign(statement.begin() + static_cast<std::ptrdiff_t>(words), statement.end());
  if (out.arguments.size() > out.what->max_arguments) {
    return {nullptr,
            {},
            error("42601", "too many arguments for " + std::string(out.what->words), "Usage: " + usage(*out.what))};
  }
  return out;
}

void run_command(const command& what, right granted, invocation in) {
  if (granted != right::admin && what.needed != right::stats) {
    return in.done(failed(error("42501", "admin access needed for " + std::string(what.words))));
  }
  in.word = std::string(what.words.substr(what.words.rfind(' ') + 1));
  in.shared->commands.fetch_add(1, std::memory_order_relaxed);
  what.run(std::move(in));
}

std::string help_text() {
  std::string text = "\n";
  for (const auto& c : table) {
    if (c.help.empty()) continue;
    auto line = usage(c);
    line.resize(std::max<std::size_t>(line.size() + 1, 32), ' ');
    text += "\t" + line + std::string(c.help) + "\n";
  }
  return text;
}

}  // namespace forebay::admin
