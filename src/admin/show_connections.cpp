#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <fstream>
#include <map>

#include "admin/functions.hpp"
#include "admin/gather_shards.hpp"
#include "net/tls.hpp"
#include "session/session.hpp"

namespace forebay::admin {
namespace {

using wall = std::chrono::system_clock;
using pool_names = std::map<const pool*, pool_directory::entry>;

// One line of SHOW CLIENTS, SERVERS or SOCKETS.
struct socket_line {
  char type = 'C';
  std::string user, database, pool_user, replication = "none", state, address, local_address;
  std::uint16_t port = 0, local_port = 0;
  wall::time_point connected_at, request_at;
  std::chrono::microseconds wait{0};
  bool close_needed = false;
  const void* self = nullptr;
  const void* link = nullptr;
  std::uint32_t remote_pid = 0;
  std::string tls, application_name;
  std::size_t prepared = 0;
  std::uint32_t id = 0;
  std::string pin;
  std::uint32_t server_pid = 0;
};

struct connections {
  std::vector<socket_line> clients;
  std::vector<socket_line> servers;  // those that clients hold
};

wall::time_point wall_time(steady::time_point at) {
  return wall::now() - std::chrono::duration_cast<wall::duration>(steady::now() - at);
}

std::string time_text(wall::time_point at) {
  const auto seconds = wall::to_time_t(at);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts)};
}

std::string address_text(const void* p) {
  if (!p) return {};
  char text[32];
  std::snprintf(text, sizeof text, "%p", p);
  return text;
}

std::string replication_kind(const std::string& asked) {
  if (asked.empty()) return "none";
  return asked == "database" ? "logical" : "physical";
}

pool_names name_pools(const proxy& process) {
  pool_names names;
  for (auto& e : process.pools.all())
    names.emplace(e.pool.get(), e);
  return names;
}

// Whose pool it is that a client is served from. One that a reload retired has no name any more: then that of the pool
// the client's next request goes to.
std::string pool_user_of(const session& s, const std::string& own, const pool_names& names,
                         const config::settings& settings) {
  if (const auto named = names.find(s.home_pool()); named != names.end()) return named->second.user;
  const auto* database = settings.find_database(s.database());
  return database && !database->user.empty() ? database->user : own;
}

socket_line client_line(session& s, const pool_names& names, const config::settings& settings) {
  auto about = s.describe();
  socket_line line;
  line.pool_user = is_console_database(about.database) ? "forebay" : pool_user_of(s, about.user, names, settings);
  line.user = std::move(about.user);
  line.database = is_console_database(about.database) ? "forebay" : std::move(about.database);
  line.replication = replication_kind(s.replication());
  line.state = about.state;
  line.address = std::move(about.address);
  line.port = about.port;
  line.local_address = std::move(about.local_address);
  line.local_port = about.local_port;
  line.connected_at = about.connected_at;
  line.request_at = about.request_at;
  line.wait = about.wait;
  line.self = &s;
  line.link = s.server();
  line.tls = std::move(about.tls);
  line.application_name = std::move(about.application_name);
  line.prepared = about.prepared;
  line.id = about.number;
  line.pin = about.pin;
  line.server_pid = about.server_pid;
  return line;
}

socket_line server_line(const server_connection& server, const pool_names& names) {
  const auto& home = server.home();
  socket_line line;
  line.type = 'S';
  line.database = home.database();
  if (const auto named = names.find(&home); named != names.end()) {
    line.user = named->second.user;
    line.database = named->second.database;
  }
  line.address = home.node()->host();
  line.port = home.node()->port();
  line.connected_at = wall_time(server.connected_at);
  line.close_needed = home.retired();
  line.self = &server;
  line.remote_pid = line.server_pid = line.id = server.backend_pid;
  if (const auto* tls = server.io.tls()) line.tls = tls->description();
  if (const auto* name = server.state.current->find("application_name")) line.application_name = name->value;
  line.prepared = server.state.prepared.size();
  return line;
}

connections connections_of(shard& home, const pool_names& names) {
  connections all;
  const auto settings = home.process.settings();
  home.for_each([&](session& s) {
    socket_line client;
    if (!s.gone()) client = client_line(s, names, *settings);
    if (const auto* server = s.server()) {
      auto line = server_line(*server, names);
      line.state = "active";
      line.request_at = s.gone() ? line.connected_at : client.request_at;
      line.link = s.gone() ? nullptr : &s;
      line.replication = replication_kind(s.replication());
      line.pin = client.pin;
      all.servers.push_back(std::move(line));
    }
    if (!s.gone()) all.clients.push_back(std::move(client));
  });
  for (const auto* server : home.process.channels.servers_at(home.on)) {
    auto line = server_line(*server, names);
    line.state = "active";
    line.pin = "listen";
    all.servers.push_back(std::move(line));
  }
  return all;
}

void append(std::vector<socket_line>& to, std::vector<socket_line> more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

void append_idle_servers(const pool_names& names, std::vector<socket_line>& to) {
  for (const auto& [home, entry] : names) {
    home->for_each_idle([&](const server_connection& server) {
      auto line = server_line(server, names);
      line.state = "idle";
      line.request_at = wall_time(server.idle_since);
      to.push_back(std::move(line));
    });
  }
}

// Everything that is connected, as of about now: workers answer one after the other.
void gather_connections(proxy& process, std::function<void(connections, const pool_names&)> done) {
  auto names = std::make_shared<const pool_names>(name_pools(process));
  gather_shards<connections>(
      process, [names](shard& home) { return connections_of(home, *names); },
      [names, done = std::move(done)](std::vector<connections> parts) {
        connections all;
        for (auto& part : parts) {
          append(all.clients, std::move(part.clients));
          append(all.servers, std::move(part.servers));
        }
        append_idle_servers(*names, all.servers);
        done(std::move(all), *names);
      });
}

row socket_row(const socket_line& l, std::string_view state_prefix = {}) {
  return {std::string(1, l.type),
          l.user,
          l.database,
          l.replication,
          std::string(state_prefix) + l.state,
          l.address,
          number(l.port),
          l.local_address,
          number(l.local_port),
          time_text(l.connected_at),
          time_text(l.request_at),
          number(l.wait.count() / 1'000'000),
          number(l.wait.count() % 1'000'000),
          number(l.close_needed ? 1 : 0),
          address_text(l.self),
          address_text(l.link),
          number(l.remote_pid),
          l.tls,
          l.application_name,
          number(l.prepared),
          number(l.id),
          l.pin,
          number(l.server_pid)};
}

void append_rows_of(std::vector<row>& out, const std::vector<socket_line>& lines, std::string_view prefix = {}) {
  for (const auto& line : lines)
    out.push_back(socket_row(line, prefix));
}

// A line of SHOW POOLS; pools that differ in the replication parameter alone are one.
struct pool_line {
  std::int64_t active = 0, waiting = 0;  // clients
  std::int64_t in_use = 0, idle = 0, login = 0;
  std::chrono::microseconds max_wait{0};
  bool paused = false;
};
using pool_key = std::pair<std::string, std::string>;

std::map<pool_key, pool_line> pool_lines(const connections& all, const pool_names& names) {
  std::map<pool_key, pool_line> lines;
  for (const auto& [home, entry] : names) {
    auto& line = lines[{entry.database, entry.user}];
    const auto s = home->state(steady::now());
    line.in_use += std::int64_t{s.open} - s.opening - s.closing - s.idle;
    line.idle += s.idle;
    line.login += s.opening;
    line.max_wait = std::max(line.max_wait, s.max_wait);
    line.paused |= s.paused;
  }
  for (const auto& client : all.clients) {
    if (client.state == "login") continue;
    auto& line = lines[{client.database, client.pool_user}];
    ++(client.state == "waiting" ? line.waiting : line.active);
  }
  return lines;
}

std::string mode_of(const config::settings& settings, const pool_key& key) {
  if (key.first == "forebay") return "statement";
  const auto* database = settings.find_database(key.first);
  const auto of_database = database ? database->mode.value_or(settings.pool.mode) : settings.pool.mode;
  // A client has the mode of its own user: a forced one has none to give.
  const auto* user = database && !database->user.empty() ? nullptr : settings.find_user(key.second);
  return std::string(name_of(user && user->mode ? *user->mode : of_database));
}

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

}  // namespace

void show_clients(invocation in) {
  gather_connections(in.process(), [done = std::move(in.done)](const connections& all, const pool_names&) {
    std::vector<row> out;
    append_rows_of(out, all.clients);
    done(rows(std::move(out)));
  });
}

void show_servers(invocation in) {
  gather_connections(in.process(), [done = std::move(in.done)](const connections& all, const pool_names&) {
    std::vector<row> out;
    append_rows_of(out, all.servers);
    done(rows(std::move(out)));
  });
}

void show_sockets(invocation in) {
  gather_connections(in.process(), [done = std::move(in.done)](const connections& all, const pool_names&) {
    std::vector<row> out;
    append_rows_of(out, all.clients, "cl_");
    append_rows_of(out, all.servers, "sv_");
    done(rows(std::move(out)));
  });
}

void show_pools(invocation in) {
  gather_connections(in.process(), [in](const connections& all, const pool_names& names) {
    const auto settings = in.process().settings();
    std::vector<row> out;
    for (const auto& [key, l] : pool_lines(all, names)) {
      const auto us = l.max_wait.count();
      out.push_back({key.first, key.second, number(l.active), number(l.waiting), number(0), number(0), number(l.in_use),
                     number(0), number(0), number(l.idle), number(0), number(0), number(l.login),
                     number(us / 1'000'000), number(us % 1'000'000), mode_of(*settings, key), cell(),
                     number(l.paused ? 1 : 0)});
    }
    in.done(rows(std::move(out)));
  });
}

void show_lists(invocation in) {
  gather_connections(in.process(), [in](const connections& all, const pool_names& names) {
    const auto settings = in.process().settings();
    std::int64_t login = 0;
    for (const auto& client : all.clients)
      login += client.state == "login" ? 1 : 0;
    const auto clients = static_cast<std::int64_t>(all.clients.size());
    const std::pair<const char*, std::int64_t> items[] = {
        {"databases", static_cast<std::int64_t>(settings->databases.size()) + 1},  // and the console
        {"users", static_cast<std::int64_t>(settings->users.size())},
        {"peers", 0},
        {"pools", static_cast<std::int64_t>(pool_lines({}, names).size()) + 1},
        {"peer_pools", 0},
        {"free_clients", 0},  // here and below: of PgBouncer's memory management
        {"used_clients", clients - login},
        {"login_clients", login},
        {"free_servers", 0},
        {"used_servers", static_cast<std::int64_t>(all.servers.size())},
        {"dns_names", 0},
        {"dns_zones", 0},
        {"dns_queries", 0},
        {"dns_pending", 0},
    };
    std::vector<row> out;
    for (const auto& [name, count] : items)
      out.push_back({std::string(name), number(count)});
    in.done(rows(std::move(out)));
  });
}

void show_mem(invocation in) {
  gather_connections(in.process(), [in](const connections& all, const pool_names&) {
    const auto line = [](const char* name, std::size_t size, std::size_t used) -> row {
      return {std::string(name), number(size), number(used), number(0), number(size * used)};
    };
    in.done(rows({line("session", sizeof(session), all.clients.size()),
                  line("server_connection", sizeof(server_connection), all.servers.size()),
                  {std::string("process_resident"), number(0), number(1), number(0), number(resident_bytes())}}));
  });
}

}  // namespace forebay::admin
