#include "pool/connector.hpp"

#include <fcntl.h>

#include "core/log.hpp"
#include "core/random.hpp"
#include "net/dial.hpp"
#include "net/tls.hpp"
#include "protocol/fsm/login_as_client.hpp"

namespace forebay {
namespace {

struct failure {
  wire::pg_error error;
  bool retry = false;  // the server is there but takes no logins yet
};

// Until its command has ended, or the time is up.
asio::awaitable<void> wait_for(const password_lookup& password, worker& on, time_limit& limit) {
  stream told(on, fcntl(password.fd(), F_DUPFD_CLOEXEC, 0));
  limit.io = &told;
  if (!limit.expired) co_await told.wait_once(readiness::readable, asio::as_tuple(asio::use_awaitable));
  limit.io = nullptr;
}

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
    if (waited) input.ec = waited;
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
    // Over TLS its last words and its end may come at once.
    if (input.ec && step.state == fsm::login_state::more) {
      auto text = "login to server at " + where;
      text.append(" failed: ").append(limit.reason(input.ec));
      co_return failure{wire::pg_error::fatal("08006", std::move(text)), false};
    }
    io.keep(input.data);
  }
}

// Whether a connection is to be tried with TLS, and how it is tried when that was not it (libpq's sslmode).
bool begins_with_tls(const tls_context& t) {
  return t.mode() != config::tls_mode::allow;
}
bool may_do_otherwise(const tls_context& t) {
  return t.mode() == config::tls_mode::allow || t.mode() == config::tls_mode::prefer;
}

failure not_secured(const std::string& where, const std::string& why) {
  return {wire::pg_error::fatal("08006", "could not secure the connection to server at " + where + ": " + why), false};
}

// Asks for TLS and shakes hands. Afterwards io.tls() says whether it is secured: a server may say no.
asio::awaitable<std::optional<failure>> secure(stream& io, std::shared_ptr<const tls_context> tls, std::string peer,
                                               time_limit& limit, const std::string& where) {
  gather out;
  out.copy(wire::encode(wire::ssl_request{}));
  auto ec = io.write(out);
  if (!ec) std::tie(ec) = co_await io.wait_once(readiness::readable, asio::as_tuple(asio::use_awaitable));
  const auto answer = ec ? read_result{} : io.read();
  if (ec || answer.ec) co_return not_secured(where, limit.reason(ec ? ec : answer.ec));
  if (answer.data == "N") {
    if (may_do_otherwise(*tls)) co_return std::nullopt;
    co_return not_secured(where, "it does not offer TLS");
  }
  // One byte and no more: what comes with it in clear would be taken for what came by TLS (CVE-2021-23222). An error
  // message here comes from nobody knows whom: its text goes nowhere (CVE-2024-10977).
  if (answer.data != "S") co_return not_secured(where, "it answers neither yes nor no to whether it speaks TLS");
  ec = co_await shake_hands(io, std::move(tls), std::move(peer));
  if (ec) co_return not_secured(where, limit.reason(ec));
  co_return std::nullopt;
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

  const auto password = password_lookup::start(login.password);
  if (!password->ended()) co_await wait_for(*password, on, limit);
  if (!password->ended() || !password->error().empty()) {
    auto why = "cannot log in to server at " + name + " as \"" + login.user + "\": ";
    why += password->ended() ? password->error() : "no password within server_connect_timeout";
    fail({wire::pg_error::fatal("28000", std::move(why)), false});
    co_return;
  }
  auto found = co_await names_.resolve(node.host(), node.port(), give_up);
  auto cache = where->cached_scram();
  const auto cached_before = cache.salted_password;
  std::optional<stream> io;
  std::optional<fsm::login_as_client> machine;
  std::optional<failure> failed;
  wire::framer framer{&backend_splittable};
  const auto tls = where->where().tls;
  bool with_tls = tls && begins_with_tls(*tls);
  for (int tries = tls && may_do_otherwise(*tls) ? 2 : 1; tries > 0; --tries) {
    auto ec = found.ec;
    if (!ec) ec = co_await connect_first(io, found.endpoints, on, limit);
    if (ec) {
      fail({wire::pg_error::fatal("08006", "could not connect to server at " + name + ": " + limit.reason(ec)), false});
      co_return;
    }
    const bool local = peer_address(io->native()).host == "unix";
    failed = std::nullopt;
    if (with_tls && !local) failed = co_await secure(*io, tls, node.host(), limit, name);
    const bool unsecured = failed.has_value();
    if (!failed) {
      machine.emplace(where->startup_parameters(), fsm::client_credentials{login.user, password->value(), login.keys},
                      random_bytes(18), &cache, wire::startup_message::version_3_0,
                      io->tls() ? io->tls()->channel_binding() : std::string());
      framer = wire::framer{&backend_splittable};
      failed = co_await log_in(*machine, *io, framer, limit, name);
    }
    // The other way round, where the settings allow it, if that may be what the server wants.
    const bool refused = failed && failed->error.sqlstate == "28000" && (io->tls() != nullptr) == with_tls;
    if (!failed || local || limit.expired || !(refused || unsecured)) break;
    with_tls = !with_tls;
  }
  limit.at.clear();
  if (failed) {
    fail(std::move(*failed));
    co_return;
  }
  if (cache.salted_password != cached_before) where->keep_scram(std::move(cache));

  const auto& session = machine->session();
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
  log_debug("server_login", {{"server", name},
                             {"database", where->database()},
                             {"user", login.user},
                             {"pid", server->backend_pid},
                             {"tls", server->io.tls() ? server->io.tls()->description() : ""}});
  where->opened(std::move(server));
}

asio::awaitable<std::optional<stream>> connector::connect(const node& to, std::shared_ptr<const tls_context> tls,
                                                          worker& on, std::chrono::milliseconds timeout,
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
  if (tls) {
    if (auto failed = co_await secure(*io, std::move(tls), to.host(), limit, to.name())) {
      why = failed->error.message;
      co_return std::nullopt;
    }
  }
  limit.at.clear();
  co_return io;
}

}  // namespace forebay
