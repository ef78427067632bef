#include <pwd.h>
#include <sys/socket.h>

#include <algorithm>

#include "core/log.hpp"
#include "core/random.hpp"
#include "net/interfaces.hpp"
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

// The address in full, and what there is room for of the name.
std::string with_address(std::string name, const std::string& address) {
  const auto ending = " - " + address;
  if (name.empty()) name = "app";  // as PgBouncer
  name.resize(std::min(name.size(), max_application_name - std::min(ending.size(), max_application_name)));
  return clean_application_name(name + ending);
}

// Empty: it has none.
std::string user_name(uid_t uid) {
  std::array<char, 16 * 1024> space{};
  passwd entry{}, *found = nullptr;
  return getpwuid_r(uid, &entry, space.data(), space.size(), &found) == 0 && found ? found->pw_name : "";
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

client_origin session::origin() const {
  client_origin from;
  if (const auto address = ip_address::parse(client_address().host)) from.address = *address;
  const auto& trusted = home_.process.settings()->listen.proxy_protocol_from;
  from.may_be_told = std::ranges::any_of(trusted, [&](const auto& each) { return each.contains(from.address); });
  from.own_addresses = &own_addresses;
  from.own_networks = &own_networks;
  return from;
}

void session::start() {
  number_ = home_.add(shared_from_this());
  auto& p = home_.process;
  const auto clients = p.clients.fetch_add(1, std::memory_order_relaxed) + 1;
  guard([&] {
    const auto settings = p.settings();
    const auto from = origin();
    const bool local = local_address(client_.native()).host == "unix";
    // Reset already, with its address gone and what it sent still to be read: it must not pass for a Unix socket.
    if (from.address.size == 0 && !local) return leave();
    login_ = std::make_unique<login_progress>();
    login_->place = home_.begin_login(*this);
    handshake_ = std::make_unique<handshake>(
        settings, p.process_secret, clients > settings->listen.max_clients, from,
        [&known = home_.salted](const std::string& user, std::string_view password, std::string_view salt) {
          return known.of(user, password, salt);
        });
    if (settings->tls_client.context && !local) handshake_->offer_tls();
    limits_.login = settings->auth.login_timeout;
    on_client_readable();  // the startup packet is usually there already
  });
}

// Asked for by the client, or begun by it with these bytes.
void session::secure(std::string_view received) {
  client_.write(home_.to_client);
  const auto failed = client_.begin_tls(handshake_->tls(), {}, received);
  if (received.empty() && !failed) return;
  home_.on.post([s = shared_from_this()] {
    s->guard([&] {
      if (!s->state_.gone) s->on_client_readable();
    });
  });
}

// Whoever leaves leaves; what is worth a line is a handshake that failed.
void session::note_lost_in_login(const error_code& why) {
  if (why.category() != tls_category()) return;
  log_warning("login_refused", {{"client", client_address().text()}, {"reason", why.message()}});
}

void session::end_login() {
  if (!login_) return;
  home_.end_login(login_->place);
  login_.reset();
}

void session::give_way() {
  guard([&] {
    home_.on.update_now();
    fatal(wire::pg_error::fatal("53300", "too many clients are logging in"));
    finish_event();
  });
}

void session::process_login(std::string_view in) {
  if (const auto* tls = client_.tls(); tls && !handshake_->is_secured()) {
    handshake_->secured({tls->peer_common_name(), tls->channel_binding(), tls->agreed_on_postgresql()});
  }
  std::string out;
  auto state = handshake_->feed(in, out);
  if (const auto& told = handshake_->told(); told && !told_)
    told_ = std::make_unique<socket_address>(socket_address{told->address, told->port});
  while (state == handshake::state::introduced && may_log_in()) {
    state = handshake_->begin(login_->known, out);
    if (state == handshake::state::more) state = handshake_->feed(in, out);
  }
  if (state == handshake::state::secure) {
    home_.to_client.copy(out);
    return secure(in);
  }
  client_.keep(in);
  go_on_with_login(state, std::move(out));
}

// Whether all is known that its login needs, and it is its turn. If not, resume_login() follows.
bool session::may_log_in() {
  login_->waits = false;
  const auto settings = home_.process.settings();
  const auto now = home_.on.now();
  const auto from = ip_address::parse(client_address().host).value_or(ip_address());
  if (!std::exchange(login_->had_to_wait, true)) {
    const auto delay = home_.process.damper.delay(from, now, settings->auth.failure_delay);
    if (delay.count() != 0) {
      login_->waits = true;
      home_.on.post_at(now + delay, [weak = weak_from_this()] {
        if (const auto s = weak.lock()) s->guard([&] { s->resume_login(); });
      });
      return false;
    }
  }
  const auto wanted = handshake_->wants();
  if (wanted.account && !login_->knows_account) {
    ask_account(false);
  } else if (wanted.system_user && !login_->knows_system_user) {
    ask_system_user();
  }
  return !login_->waits;
}

void session::resume_login() {
  if (state_.gone || !login_) return;
  home_.on.update_now();
  std::string out;
  auto state = handshake::state::introduced;
  if (may_log_in()) state = handshake_->begin(login_->known, out);
  go_on_with_login(state, std::move(out));
  if (state == handshake::state::more && !client_.kept().empty()) return process_kept();
  finish_event();
}

// On the monitor's thread, over connections that no client has any part in.
void session::ask_account(bool fresh) {
  login_->waits = true;
  const auto settings = home_.process.settings();
  const auto* database = settings->find_database(handshake_->identity().database);
  // Whether there is such a database is told to those whose password is right.
  const auto& cluster = database ? database->cluster : settings->clusters.front().name;
  home_.process.watch.find_account(cluster, handshake_->identity().user, fresh,
                                   [weak = weak_from_this(), &on = home_.on](const found_account& found) {
                                     on.post([weak, found] {
                                       if (const auto s = weak.lock()) s->guard([&] { s->on_account(found); });
                                     });
                                   });
}

void session::on_account(const found_account& found) {
  if (state_.gone || !login_) return;
  home_.on.update_now();
  if (!found.failure.empty()) {
    log_warning("login_not_checked", {{"client", client_address().text()},
                                      {"user", handshake_->identity().user},
                                      {"database", handshake_->identity().database},
                                      {"reason", found.failure}});
    fatal(wire::pg_error::fatal("57P03", "the login cannot be checked at the moment: auth.query has no answer"));
    return finish_event();
  }
  login_->known.secret = fsm::stored_secret::from_text(found.secret);
  login_->known.groups = found.groups;
  login_->known.note = found.note;
  if (!std::exchange(login_->knows_account, true)) return resume_login();
  login_->waits = false;
  std::string out;
  const auto state = handshake_->again(login_->known, out);
  go_on_with_login(state, std::move(out));
  finish_event();
}

void session::ask_system_user() {
  login_->waits = true;
  ucred other{};
  socklen_t size = sizeof other;
  const bool known = ::getsockopt(client_.native(), SOL_SOCKET, SO_PEERCRED, &other, &size) == 0;
  home_.process.aside([weak = weak_from_this(), &on = home_.on, known, uid = other.uid] {
    auto name = known ? user_name(uid) : std::string();
    on.post([weak, name = std::move(name)] {
      const auto s = weak.lock();
      if (!s || s->state_.gone || !s->login_) return;
      s->login_->known.system_user = name;
      s->login_->knows_system_user = true;
      s->guard([&] { s->resume_login(); });
    });
  });
}

void session::go_on_with_login(handshake::state state, std::string out) {
  home_.to_client.copy(out);
  switch (state) {
    case handshake::state::more:
    case handshake::state::introduced:
    case handshake::state::secure:
      return;
    case handshake::state::doubted:
      return ask_account(true);
    case handshake::state::cancel: {
      const auto target = handshake_->target();
      send_cancel(home_.process, target.pid, target.key);
      return leave();
    }
    case handshake::state::refused: {
      const auto& why = handshake_->error();
      if (why.sqlstate.starts_with("28")) {
        const auto from = ip_address::parse(client_address().host).value_or(ip_address());
        home_.process.damper.failed(from, home_.on.now());
      }
      log_warning("login_refused", {{"client", client_address().text()},
                                    {"user", handshake_->identity().user},
                                    {"database", handshake_->identity().database},
                                    {"sqlstate", why.sqlstate},
                                    {"reason", why.message},
                                    {"about", handshake_->about()}});
      return fatal(why);
    }
    case handshake::state::accepted:
      return enter();
  }
}

// The password was right: AuthenticationOk, then what the session is told before its first ReadyForQuery.
void session::enter() {
  const auto& who = handshake_->identity();
  user_ = who.user;
  database_ = who.database;
  end_login();
  if (auto proof = handshake_->proof(); !proof.empty())
    home_.process.pools.remember_login(*home_.process.settings(), database_, user_, std::move(proof));
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
  std::optional<std::string> application;
  for (const auto& [name, value] : who.settings)
    if (same_name(name, "application_name")) application = clean_application_name(value);
  if (home_.process.settings()->pool.application_name_add_host)
    application = with_address(application.value_or(""), client_address().text());
  if (application)
    state_.settings.wanted = parameter_set::with(state_.settings.wanted, "application_name", *application, true);
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
  log_info("client_login",
           {{"client", client_address().text()}, {"user", user_}, {"database", database_}, {"session", number_}});
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
