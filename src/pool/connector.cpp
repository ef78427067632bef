#include "pool/connector.hpp"

#include "core/log.hpp"
#include "core/random.hpp"
#include "net/dial.hpp"
#include "protocol/fsm/login_as_client.hpp"

namespace forebay {
namespace {

struct failure {
  wire::pg_error error;
  bool retry = false;  // the server is there but takes no logins yet
};

// The login conversation; nullopt when it ended well.
asio::awaitable<std::optional<failure>> log_in(fsm::login_as_client& machine, stream& io, wire::framer& framer,
                                               time_limit& limit, const std::string& where) {
  auto step = machine.start();
  gather out;
  while (true) {
    if (!step.send.empty()) {
      out.copy(step.send);
      if (const auto ec = io.write(out); ec || io.backlog()) {
        co_return failure{wire::pg_error::fatal("08006", "could not send to server at " + where), false};
      }
    }
    if (step.state == fsm::login_state::done) co_return std::nullopt;
    if (step.state == fsm::login_state::failed) {
      const bool not_yet = step.error.sqlstate == "57P03";
      co_return failure{std::move(step.error), not_yet};
    }
    const auto [waited] = co_await io.wait_once(readiness::readable, asio::as_tuple(asio::use_awaitable));
    auto input = io.read();
    if (waited || input.ec) {
      const auto why = limit.reason(waited ? waited : input.ec);
      auto text = "login to server at " + where;
      text.append(" failed: ").append(why);
      co_return failure{wire::pg_error::fatal("08006", std::move(text)), false};
    }
    step = {};
    while (step.state == fsm::login_state::more) {
      const auto piece = framer.next(input.data);
      if (!piece || (*piece && !(*piece)->whole())) {
        co_return failure{
            wire::pg_error::fatal("08P01", "server at " + where + " does not speak the PostgreSQL protocol"), false};
      }
      if (!*piece) break;
      auto next = machine.resume((*piece)->type, (*piece)->body());
      next.send.insert(0, step.send);
      step = std::move(next);
    }
    io.keep(input.data);
  }
}

}  // namespace

void connector::open(std::shared_ptr<pool> where, worker& on) {
  asio::co_spawn(on.get_executor(), run(std::move(where), on), asio::detached);
}

asio::awaitable<void> connector::run(std::shared_ptr<pool> where, worker& on) {
  const auto& node = *where->node();
  const auto name = node.name();
  const auto limits = where->limits();
  const auto login = where->login();
  time_limit limit;
  auto give_up = steady::time_point::max();
  if (limits.server_connect_timeout.count() != 0) {
    give_up = steady::now() + limits.server_connect_timeout;
    limit.at.set(on.deadlines(), give_up);
  }

  const auto fail = [&](failure f) {
    if (const auto kept_quiet = where->announce_failure(f.error.message)) {
      log_warning("server_login_failed", {{"server", name},
                                          {"database", where->database()},
                                          {"user", login.user},
                                          {"sqlstate", f.error.sqlstate},
                                          {"reason", f.error.message},
                                          {"repeated", *kept_quiet}});
    }
    if (is_of_node(f.error)) suspect_(node, f.error);
    where->open_failed(std::move(f.error), f.retry);
  };

  auto found = co_await names_.resolve(node.host(), node.port(), give_up);
  auto ec = found.ec;
  std::optional<stream> io;
  if (!ec) ec = co_await connect_first(io, found.endpoints, on, limit);
  if (ec) {
    fail({wire::pg_error::fatal("08006", "could not connect to server at " + name + ": " + limit.reason(ec)), false});
    co_return;
  }

  wire::framer framer{&backend_splittable};
  auto cache = where->cached_scram();
  const auto cached_before = cache.salted_password;
  fsm::login_as_client machine(where->startup_parameters(), {login.user, login.password}, random_bytes(18), &cache);
  auto failed = co_await log_in(machine, *io, framer, limit, name);
  limit.at.clear();
  if (failed) {
    fail(std::move(*failed));
    co_return;
  }
  if (cache.salted_password != cached_before) where->keep_scram(std::move(cache));

  const auto& session = machine.session();
  for (const auto& [key, value] : session.parameters) {
    if (key != "in_hot_standby" || value != "on" || !where->must_be_primary()) continue;
    fail({wire::pg_error::fatal("57P03", "server at " + name + " is a standby"), false});
    co_return;
  }
  auto server = std::make_unique<server_connection>(where, std::move(*io));
  server->backend_pid = session.backend_pid;
  server->cancel_key = session.cancel_key;
  std::vector<parameter_set::entry> reported;
  for (const auto& [key, value] : session.parameters)
    reported.push_back({key, value, true});
  server->state.initial = server->state.current = parameter_set::intern(std::move(reported));
  server->state.max_prepared = limits.max_prepared_statements;
  log_debug("server_login",
            {{"server", name}, {"database", where->database()}, {"user", login.user}, {"pid", server->backend_pid}});
  where->opened(std::move(server));
}

asio::awaitable<std::optional<stream>> connector::connect(const node& to, worker& on, std::chrono::milliseconds timeout,
                                                          std::string& why) {
  time_limit limit;
  const auto give_up = steady::now() + timeout;
  limit.at.set(on.deadlines(), give_up);
  auto found = co_await names_.resolve(to.host(), to.port(), give_up);
  auto ec = found.ec;
  std::optional<stream> io;
  if (!ec) ec = co_await connect_first(io, found.endpoints, on, limit);
  if (ec) {
    why = limit.reason(ec);
    co_return std::nullopt;
  }
  co_return io;
}

}  // namespace forebay
