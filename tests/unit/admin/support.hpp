#pragma once

#include <doctest/doctest.h>

#include <future>
#include <string>
#include <string_view>
#include <vector>

#include "admin/console.hpp"
#include "net/resolver.hpp"
#include "protocol/wire/extended.hpp"
#include "protocol/wire/framer.hpp"
#include "protocol/wire/notice.hpp"
#include "protocol/wire/query.hpp"
#include "protocol/wire/rows.hpp"
#include "protocol/wire/startup.hpp"

// A proxy without sockets: two running workers, their shards, and the console on top.
namespace forebay::admin {

inline config::settings test_settings() {
  config::settings s;
  s.clusters = {{"main", {{"db.example", 5432, config::node_role::primary, 0}}}};
  config::database app;
  app.name = "app";
  app.cluster = "main";
  app.password = "forced-secret";
  app.user = "forced";
  config::database sales = app;
  sales.name = "sales";
  s.databases = {app, sales};
  config::user root, watcher, other;
  root.name = "root";
  root.password = "root-secret";
  root.admin = true;
  watcher.name = "watcher";
  watcher.secret = "SCRAM-SHA-256$watcher-secret";
  watcher.stats = true;
  other.name = "other";
  s.users = {root, watcher, other};
  return s;
}

struct message {
  char type;
  std::string body;
};

struct house {
  house() {
    auto settings = std::make_shared<const config::settings>(test_settings());
    pools.reconfigure(settings);
    process.set_settings(settings);
    for (auto* w : {&first, &second})
      process.shards.push_back(std::make_unique<shard>(process, *w));
    factory = make_console_factory(surface);
    first.start();
    second.start();
  }
  ~house() {
    for (auto* w : {&first, &second})
      w->stop();
    for (auto* w : {&first, &second})
      w->join();
  }

  std::unique_ptr<console_session> open(const std::string& user) { return factory(*process.settings(), user); }

  asio::io_context control{1};
  worker first{0}, second{1};
  resolver names{control};
  connector connect{names, [](const node&, const wire::pg_error&) {}};
  // What a pool opens stays under way for ever.
  pool_directory pools{{&first, &second}, [](std::shared_ptr<pool>, worker&) {}};
  monitor watch{{}};
  proxy process{pools, connect, watch, names};
  reload_result reload_says;
  int reloads = 0;
  std::vector<bool> shutdowns;
  control_surface surface{process,
                          [this] {
                            ++reloads;
                            return reload_says;
                          },
                          [this](bool immediately) { shutdowns.push_back(immediately); },
                          [] { return false; },
                          std::chrono::system_clock::now(),
                          "7.8.9"};
  console_factory factory;
};

inline std::vector<message> split(std::string_view bytes) {
  std::vector<message> out;
  wire::framer framer;
  while (true) {
    const auto next = framer.next(bytes);
    REQUIRE(next.has_value());
    if (!*next) break;
    if ((*next)->first) out.push_back({(*next)->type, {}});
    out.back().body += (*next)->body();
  }
  REQUIRE(bytes.empty());
  return out;
}

inline std::string kinds(const std::vector<message>& all) {
  std::string out;
  for (const auto& m : all)
    out += m.type;
  return out;
}

struct client {
  explicit client(console_session& s) : session(s) {}

  std::vector<message> send(std::string_view framed) {
    std::vector<message> out;
    for (const auto& m : split(framed)) {
      std::promise<console_session::answer> promise;
      auto future = promise.get_future();
      session.message(m.type, m.body, [&](console_session::answer a) { promise.set_value(std::move(a)); });
      REQUIRE(future.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
      auto answer = future.get();
      closed |= answer.close;
      for (auto& reply : split(answer.bytes))
        out.push_back(std::move(reply));
    }
    return out;
  }
  std::vector<message> query(std::string_view sql) { return send(wire::encode(wire::query{sql})); }

  console_session& session;
  bool closed = false;
};

inline wire::pg_error error_in(const std::vector<message>& all) {
  for (const auto& m : all) {
    if (m.type == 'E') return wire::error_response::decode(m.body)->to_pg_error();
  }
  return {};
}
inline std::string sqlstate_in(const std::vector<message>& all) {
  return error_in(all).sqlstate;
}

// The rows of all results, "" for null.
inline std::vector<std::vector<std::string>> rows_in(const std::vector<message>& all) {
  std::vector<std::vector<std::string>> out;
  for (const auto& m : all) {
    if (m.type != 'D') continue;
    auto& r = out.emplace_back();
    const auto decoded = wire::data_row::decode(m.body);
    for (const auto& value : decoded->values)
      r.emplace_back(value.value_or(""));
  }
  return out;
}

}  // namespace forebay::admin
