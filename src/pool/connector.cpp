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
  bool retry = false;      // the server is there but takes no logins yet
  bool by_server = false;  // in its words; else we found it wanting
  bool unsecured = false;  // it did not come to the login: TLS failed
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
  bool server_ends_it = false;
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
      co_return failure{std::move(step.error), not_yet, server_ends_it};
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
      server_ends_it = (*piece)->type == wire::error_response::type;
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
  return {wire::pg_error::fatal("08006", "could not secure the connection to server at " + where + ": " + why), false,
          false, true};
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

// One connection on its way.
struct attempt {
  pool& where;
  std::string name;  // of the node
  server_login login;
  time_limit& limit;
  std::string password{};
  std::vector<endpoint> addresses{};
  fsm::scram_cache cache{};
  std::optional<stream> io{};
  std::optional<fsm::login_as_client> machine{};
};

// With what it has connected to, as it is or with TLS.
asio::awaitable<std::optional<failure>> secure_and_log_in(attempt& a, std::shared_ptr<const tls_context> tls) {
  if (tls) {
    auto failed = co_await secure(*a.io, std::move(tls), a.where.node()->host(), a.limit, a.name);
    if (failed) co_return failed;
  }
  a.machine.emplace(a.where.startup_parameters(), fsm::client_credentials{a.login.user, a.password, a.login.keys},
                    random_bytes(18), &a.cache, wire::startup_message::version_3_0,
                    a.io->tls() ? a.io->tls()->channel_binding() : std::string());
  wire::framer framer{&backend_splittable};
  co_return co_await log_in(*a.machine, *a.io, framer, a.limit, a.name);
}

// Connects and logs in; then the other way round, where the settings allow it and that may be what the server wants.
asio::awaitable<std::optional<failure>> connect_and_log_in(attempt& a, worker& on) {
  const auto tls = a.where.where().tls;
  bool with_tls = tls && begins_with_tls(*tls);
  std::optional<failure> failed;
  for (int tries = tls && may_do_otherwise(*tls) ? 2 : 1; tries > 0; --tries) {
    if (const auto ec = co_await connect_first(a.io, a.addresses, on, a.limit)) {
      auto text = "could not connect to server at " + a.name + ": " + a.limit.reason(ec);
      co_return failure{wire::pg_error::fatal("08006", std::move(text))};
    }
    const bool local = peer_address(a.io->native()).host == "unix";
    // Named: GCC 12 releases a conditional's temporary twice where a coroutine waits.
    auto secured_by = with_tls && !local ? tls : nullptr;
    failed = co_await secure_and_log_in(a, std::move(secured_by));
    if (!failed || local || a.limit.expired) break;
    const bool refused = failed->by_server && failed->error.sqlstate == "28000" && (a.io->tls() != nullptr) == with_tls;
    if (!refused && !failed->unsecured) break;
    with_tls = !with_tls;
  }
  co_return failed;
}

server_ptr make_server(attempt& a, const std::shared_ptr<pool>& where) {
  const auto& session = a.machine->session();
  auto server = std::make_unique<server_connection>(where, std::move(*a.io));
  server->backend_pid = session.backend_pid;
  server->cancel_key = session.cancel_key;
  std::vector<parameter_set::entry> reported;
  for (const auto& [key, value] : session.parameters)
    reported.push_back({key, value, true});
  server->state.initial = server->state.current = parameter_set::intern(std::move(reported));
  server->state.max_prepared = where->limits().max_prepared_statements;
  log_debug("server_login", {{"server", a.name},
                             {"database", where->database()},
                             {"user", a.login.user},
                             {"pid", server->backend_pid},
                             {"tls", server->io.tls() ? server->io.tls()->description() : ""}});
  return server;
}

// All of it; without a failure `made` is there.
asio::awaitable<std::optional<failure>> open_one(resolver& names, std::shared_ptr<pool> where, worker& on,
                                                 server_ptr& made) {
  const auto node = where->node();
  time_limit limit;
  attempt a{*where, node->name(), where->login(), limit};
  auto give_up = steady::time_point::max();
  if (const auto most = where->limits().server_connect_timeout; most.count() != 0) {
    give_up = steady::now() + most;
    limit.at.set(on.deadlines(), give_up);
  }
  const auto password = password_lookup::start(a.login.password);
  if (!password->ended()) co_await wait_for(*password, on, limit);
  if (!password->ended() || !password->error().empty()) {
    auto why = "cannot log in to server at " + a.name + " as \"" + a.login.user + "\": ";
    why += password->ended() ? password->error() : "no password within server_connect_timeout";
    co_return failure{wire::pg_error::fatal("28000", std::move(why))};
  }
  a.password = password->value();
  auto found = co_await names.resolve(node->host(), node->port(), give_up);
  if (found.ec) {
    auto text = "could not connect to server at " + a.name + ": " + limit.reason(found.ec);
    co_return failure{wire::pg_error::fatal("08006", std::move(text))};
  }
  a.addresses = std::move(found.endpoints);
  a.cache = where->cached_scram();
  const auto cached_before = a.cache.salted_password;
  auto failed = co_await connect_and_log_in(a, on);
  limit.at.clear();
  if (failed) co_return failed;
  if (a.cache.salted_password != cached_before) where->keep_scram(std::move(a.cache));
  for (const auto& [key, value] : a.machine->session().parameters)
    if (key == "in_hot_standby" && value == "on" && where->must_be_primary())
      co_return failure{wire::pg_error::fatal("57P03", "server at " + a.name + " is a standby")};
  made = make_server(a, where);
  co_return std::nullopt;
}

}  // namespace

void connector::open(std::shared_ptr<pool> where, worker& on) {
  asio::co_spawn(on.get_executor(), run(std::move(where), on), asio::detached);
}

asio::awaitable<void> connector::run(std::shared_ptr<pool> where, worker& on) {
  server_ptr made;
  std::optional<failure> failed;
  // Whatever happens the pool hears of it: else it would count a connection that never comes.
  try {
    failed = co_await open_one(names_, where, on, made);
  } catch (const std::exception& e) {
    failed = failure{
        wire::pg_error::fatal("XX000", "could not connect to server at " + where->node()->name() + ": " + e.what())};
  }
  if (!failed) {
    where->opened(std::move(made));
    co_return;
  }
  const auto& error = failed->error;
  if (const auto kept_quiet = where->announce_failure(error.message)) {
    log_warning("server_login_failed", {{"server", where->node()->name()},
                                        {"database", where->database()},
                                        {"user", where->login().user},
                                        {"sqlstate", error.sqlstate},
                                        {"reason", error.message},
                                        {"repeated", *kept_quiet}});
  }
  if (is_of_node(error)) suspect_(*where->node(), error);
  where->open_failed(std::move(failed->error), failed->retry);
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
    // Also where the mode would allow it: what cancels a query is as secret as the query was.
    if (!io->tls()) {
      why = "it does not offer TLS any more";
      co_return std::nullopt;
    }
  }
  limit.at.clear();
  co_return io;
}

}  // namespace forebay
