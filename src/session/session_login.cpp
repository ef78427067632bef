#include "core/log.hpp"
#include "core/random.hpp"
#include "net/tls.hpp"
#include "protocol/wire/auth.hpp"
#include "protocol/wire/status.hpp"
#include "session/cancel.hpp"
#include "session/session.hpp"

// From the first byte to the greeting: who is it, what may it have, and what is it told.
namespace forebay {
namespace {

constexpr std::uint32_t max_console_message = 1024 * 1024;
constexpr std::size_t max_application_name = 63;  // NAMEDATALEN less one

// As PostgreSQL cleans it: printable ASCII, cut to a name's length.
std::string clean_application_name(std::string_view name) {
  std::string clean(name.substr(0, max_application_name));
  for (char& c : clean) {
    if (c < 32 || c > 126) c = '?';
  }
  return clean;
}

// What tells one set of startup settings from another; application_name apart, as nearly every client has its own.
std::string settings_key(const std::vector<std::pair<std::string, std::string>>& settings) {
  std::string key;
  for (const auto& [name, value] : settings) {
    if (same_name(name, "application_name")) continue;
    key.append(name).push_back('\0');
    key.append(value).push_back('\0');
  }
  return key;
}

}  // namespace

void session::start() {
  number_ = home_.add(shared_from_this());
  auto& p = home_.process;
  const auto clients = p.clients.fetch_add(1, std::memory_order_relaxed) + 1;
  guard([&] {
    const auto settings = p.settings();
    handshake_ = std::make_unique<handshake>(settings, p.process_secret, clients > settings->listen.max_clients);
    if (settings->tls_client.context && peer_address(client_.native()).host != "unix") handshake_->offer_tls();
    limits_.login = settings->auth.login_timeout;
    on_client_readable();  // the startup packet is usually there already
  });
}

// Asked for by the client, or begun by it with these bytes.
void session::secure(std::string_view received) {
  client_.write(home_.to_client);
  client_.begin_tls(handshake_->tls(), {}, received);
  if (received.empty()) return;
  home_.on.post([s = shared_from_this()] {
    s->guard([&] {
      if (!s->state_.gone) s->on_client_readable();
    });
  });
}

// Whoever leaves leaves; what is worth a line is a handshake that failed.
void session::note_lost_in_login(const error_code& why) {
  if (why.category() != tls_category()) return;
  log_warning("login_refused", {{"client", peer_address(client_.native()).text()}, {"reason", why.message()}});
}

void session::process_login(std::string_view in) {
  if (const auto* tls = client_.tls(); tls && !handshake_->is_secured()) {
    handshake_->secured({tls->peer_common_name(), tls->channel_binding(), tls->agreed_on_postgresql()});
  }
  std::string out;
  const auto state = handshake_->feed(in, out);
  home_.to_client.copy(out);
  switch (state) {
    case handshake::state::more:
      return client_.keep(in);
    case handshake::state::secure:
      return secure(in);
    case handshake::state::cancel: {
      const auto target = handshake_->target();
      send_cancel(home_.process, target.pid, target.key);
      return leave();
    }
    case handshake::state::refused:
      log_warning("login_refused", {{"client", peer_address(client_.native()).text()},
                                    {"user", handshake_->identity().user},
                                    {"database", handshake_->identity().database},
                                    {"sqlstate", handshake_->error().sqlstate},
                                    {"reason", handshake_->error().message}});
      return fatal(handshake_->error());
    case handshake::state::accepted:
      client_.keep(in);
      return enter();
  }
}

// The password was right: AuthenticationOk, then what the session is told before its first ReadyForQuery.
void session::enter() {
  const auto& who = handshake_->identity();
  user_ = who.user;
  database_ = who.database;
  cancel_key_ = random_bytes(who.long_cancel_key ? 32 : 4);
  home_.to_client.copy(wire::encode(wire::authentication_ok{}));
  if (home_.draining()) {
    return fatal(wire::pg_error::fatal("57P03", "the proxy is shutting down"));
  }
  if (is_console_database(database_)) return enter_console();
  return enter_pool();
}

void session::enter_console() {
  console_ = home_.process.make_console(*home_.process.settings(), user_);
  if (!console_) {
    return fatal(wire::pg_error::fatal("42501", "user \"" + user_ + "\" may not use the console: set admin or stats"));
  }
  handshake_.reset();
  stage_ = stage::console;
  greet(console_->greeting());
}

void session::enter_pool() {
  const auto settings = home_.process.settings();
  const auto& who = handshake_->identity();
  replication_ = who.replication;
  to_ = home_.destination_for({database_, user_, replication_});
  if (!to_->exists()) return fatal(wire::pg_error::fatal("3D000", "database \"" + database_ + "\" does not exist"));
  const auto* database = settings->find_database(database_);
  const auto* user = settings->find_user(user_);
  state_.mode = user && user->mode ? *user->mode : database->mode.value_or(settings->pool.mode);
  if (user) priority = user->priority;
  limits_ = session_limits::of(*settings, user);
  state_.on_session_state = settings->pool.on_session_state;
  stage_ = stage::greeting;
  if (replication_.empty()) {
    if (auto known = to_->greeting(settings_key(who.settings))) {
      state_.settings.wanted = std::move(known);
      return end_greeting();
    }
  }
  // Somebody has to ask a server what these settings look like in its own spelling, and whether they are any good.
  if (get_server() != lookout::waits) begin_greeting();
}

void session::begin_greeting() {
  if (refusal_) {
    auto error = *std::exchange(refusal_, nullptr);
    error.level = wire::severity::fatal;
    return fatal(std::move(error));
  }
  if (pool_->for_replication()) {
    // One client, one connection, byte by byte: what is said on it is not ours to know.
    stage_ = stage::relay;
    state_.settings.wanted = server_->state.initial;
    handshake_.reset();
    greet(parameter_messages());
    return process_kept();
  }
  auto wanted = server_->state.initial->entries();
  for (const auto& [name, value] : handshake_->identity().settings) {
    if (same_name(name, "application_name")) continue;
    const auto* reported = server_->state.initial->find(name);
    wanted.push_back({reported ? reported->name : name, value, reported != nullptr});
  }
  // Whichever node answers, to a client it is one server.
  if (to_->has_several_nodes() && server_->state.initial->find("in_hot_standby"))
    wanted.push_back({"in_hot_standby", "off", true});
  state_.settings.wanted = parameter_set::intern(std::move(wanted));
  conversation().apply_settings(state_.settings.wanted);
  if (server_->state.tracker.settled()) end_greeting();
}

void session::end_greeting() {
  const auto who = std::exchange(handshake_, nullptr)->identity();
  if (server_) {
    pool_->remember_greeting(settings_key(who.settings), state_.settings.wanted);
    if (state_.mode != config::pool_mode::session) drop_server();
  }
  for (const auto& [name, value] : who.settings) {
    if (!same_name(name, "application_name")) continue;
    state_.settings.wanted =
        parameter_set::with(state_.settings.wanted, "application_name", clean_application_name(value), true);
  }
  state_.settings.at_login = state_.settings.wanted;
  stage_ = stage::ready;
  greet(parameter_messages());
  if (!client_.kept().empty()) process_kept();
}

std::string session::parameter_messages() const {
  std::string bytes;
  wire::writer w(bytes);
  for (const auto& e : state_.settings.wanted->entries()) {
    if (e.reported) wire::parameter_status{e.name, e.value}.encode(w);
  }
  return bytes;
}

void session::greet(std::string_view parameter_messages) {
  log_info("client_login", {{"client", peer_address(client_.native()).text()},
                            {"user", user_},
                            {"database", database_},
                            {"session", number_}});
  home_.to_client.copy(parameter_messages);
  home_.to_client.copy(wire::encode(wire::backend_key_data{number_, cancel_key_}));
  home_.to_client.copy(wire::encode(wire::ready_for_query{'I'}));
}

void session::on_console_answer(const console_session::answer& answer) {
  console_busy_ = false;
  if (state_.gone) return;
  home_.to_client.copy(answer.bytes);
  if (answer.close) {
    finish_event();
    return leave();
  }
  process_kept();
}

void session::process_console(std::string_view in) {
  while (!state_.gone && !console_busy_) {
    const auto next = framer_.next(in);
    if (!next) return fatal(wire::pg_error::fatal("08P01", "invalid message length"));
    if (!*next) break;
    const auto& piece = **next;
    if (piece.type == wire::terminate::type) return leave();
    if (piece.body_size > max_console_message) {
      return fatal(wire::pg_error::fatal("54000", "message too large for the console"));
    }
    state_.collected.append(piece.body());
    if (!piece.last) continue;
    console_busy_ = true;
    const auto body = std::exchange(state_.collected, {});
    console_->message(piece.type, body, [s = shared_from_this()](console_session::answer answer) {
      s->home_.on.post([s, answer = std::move(answer)] { s->guard([&] { s->on_console_answer(answer); }); });
    });
  }
  if (!state_.gone) client_.keep(in);
}

}  // namespace forebay
