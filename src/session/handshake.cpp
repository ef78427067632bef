#include "session/handshake.hpp"

#include <algorithm>

#include "core/random.hpp"
#include "protocol/fsm/crypto.hpp"
#include "protocol/wire/auth.hpp"

namespace forebay {
namespace {

constexpr std::uint32_t max_startup_packet = 10000;  // as PostgreSQL: MAX_STARTUP_PACKET_LENGTH
constexpr std::uint32_t max_password_message = 65535;
constexpr std::string_view tls_handshake_record = "\x16";  // RFC 8446, "Record Layer"; no startup packet begins so
constexpr std::size_t message_header = 5;                  // type and length

std::uint32_t read_u32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i)
    value = value << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  return value;
}

using method = fsm::login_as_server::method;

method to_method(config::auth_type type) {
  switch (type) {
    case config::auth_type::trust:
      return method::trust;
    case config::auth_type::plain:
      return method::plain;
    case config::auth_type::md5:
      return method::md5;
    default:
      return method::scram_sha_256;
  }
}

fsm::stored_secret secret_of(const config::user* user) {
  if (!user) return {};
  return fsm::stored_secret::from_text(user->secret.empty() ? user->password.text : user->secret);
}

std::string in_quotes(std::string_view name) {
  std::string quoted(1, '"');
  quoted.append(name).append(1, '"');
  return quoted;
}

bool is_peer(const config::hba_rule& rule) {
  return rule.method == config::login_method::peer;
}

bool asks_secret(config::login_method how) {
  using config::login_method;
  return how == login_method::plain || how == login_method::md5 || how == login_method::scram_sha_256;
}

// An underscore and a name for what only this protocol extension may be: "_pq_.x".
constexpr std::string_view extension_prefix = "_pq_.";

// As PostgreSQL reads a boolean: unique beginnings of its words, in any case. "": an ordinary session. Nothing: it is
// none. What is not understood here as it is there would be another session than the rules were asked about.
std::optional<std::string> replication_of(std::string_view value) {
  if (value == "database") return "database";
  std::string word(value);
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto begins = [&](std::string_view of, std::size_t least) {
    return word.size() >= least && of.starts_with(word);
  };
  if (word.empty()) return std::nullopt;
  if (begins("true", 1) || begins("yes", 1) || word == "on" || word == "1") return "true";
  if (begins("false", 1) || begins("no", 1) || begins("off", 2) || word == "0") return "";
  return std::nullopt;
}

}  // namespace

handshake::handshake(std::shared_ptr<const config::settings> settings, std::string process_secret, bool overloaded,
                     client_origin origin, deriver derive)
    : settings_(std::move(settings)),
      process_secret_(std::move(process_secret)),
      overloaded_(overloaded),
      origin_(origin),
      derive_(std::move(derive)) {}

handshake::~handshake() = default;

handshake::state handshake::refuse(wire::pg_error error) {
  error_ = std::move(error);
  return state::refused;
}

handshake::state handshake::feed(std::string_view& in, std::string& out) {
  if (direct_ && secured_ && !secured_->postgresql) {
    return refuse(wire::pg_error::fatal("08P01", "a direct TLS connection must name its protocol (ALPN postgresql)"));
  }
  if (origin_.may_be_told) {
    const auto next = take_proxy_header(in);
    if (next != state::more || origin_.may_be_told) return next;
  }
  if (introduced_ && !login_) return state::introduced;
  while (!login_) {
    const bool first = !ssl_asked_ && !gss_asked_;
    if (first && offers_tls_ && in.starts_with(tls_handshake_record)) {
      ssl_asked_ = direct_ = true;
      return state::secure;
    }
    if (in.size() < 4) return state::more;
    const auto size = read_u32(in);
    if (size < 8 || size > max_startup_packet) {
      return refuse(wire::pg_error::fatal("08P01", "invalid length of startup packet"));
    }
    if (in.size() < size) return state::more;
    const auto body = in.substr(4, size - 4);
    in.remove_prefix(size);
    const auto next = on_startup_packet(body, out);
    if (next == state::secure) {
      // It would be taken for what came by TLS: somebody in between may have put it there (CVE-2021-23214).
      if (!in.empty()) return refuse(wire::pg_error::fatal("08P01", "received unencrypted data after SSL request"));
      out += 'S';
    }
    if (next != state::more) return next;
  }
  // Not by a framer, which would hand out in pieces what is large and comes in parts.
  while (in.size() >= message_header) {
    const auto length = read_u32(in.substr(1));
    if (length < 4 || length - 4 > max_password_message) {
      return refuse(wire::pg_error::fatal("08P01", "invalid message length during login"));
    }
    const auto size = std::size_t{length} + 1;
    if (in.size() < size) break;
    const auto message = in.substr(0, size);
    in.remove_prefix(size);
    const auto next = log_in(out, std::pair{message.front(), message.substr(message_header)});
    if (next != state::more) return next;
  }
  return state::more;
}

// Once there is or was none, nobody may tell anything any more.
handshake::state handshake::take_proxy_header(std::string_view& in) {
  using kind = wire::proxy_answer::kind;
  if (in.empty()) return state::more;
  const auto answer = wire::find_proxy_header(in);
  if (answer.what == kind::malformed) return refuse(wire::pg_error::fatal("08P01", "invalid PROXY protocol header"));
  if (answer.what == kind::more) return state::more;
  origin_.may_be_told = false;
  if (answer.what == kind::absent) return state::more;
  in.remove_prefix(answer.header.size);
  if (const auto address = ip_address::parse(answer.header.address)) {
    origin_.address = *address;
    told_ = answer.header;
  }
  return state::more;
}

handshake::state handshake::on_startup_packet(std::string_view body, std::string& out) {
  const auto packet = wire::decode_startup_packet(body);
  if (!packet) {
    // As PostgreSQL: whoever cancels is never told anything, here because no session has number 0.
    if (read_u32(body) == wire::cancel_request::code) return state::cancel;
    return refuse(wire::pg_error::fatal("08P01", "invalid startup packet"));
  }
  if (const auto* cancel = std::get_if<wire::cancel_request>(&*packet)) {
    target_ = {cancel->pid, std::string(cancel->key)};
    return state::cancel;
  }
  if (std::holds_alternative<wire::ssl_request>(*packet) || std::holds_alternative<wire::gssenc_request>(*packet)) {
    const bool for_tls = std::holds_alternative<wire::ssl_request>(*packet);
    auto& asked = for_tls ? ssl_asked_ : gss_asked_;
    if (asked) return refuse(wire::pg_error::fatal("08P01", "encryption was asked for twice"));
    asked = true;
    if (secured_) return refuse(wire::pg_error::fatal("08P01", "encryption was asked for within TLS"));
    if (for_tls && offers_tls_) return state::secure;
    out += 'N';
    return state::more;
  }
  return on_startup_message(std::get<wire::startup_message>(*packet), out);
}

handshake::state handshake::on_startup_message(const wire::startup_message& message, std::string& out) {
  const auto major = message.version >> 16;
  const auto minor = message.version & 0xffff;
  if (major != 3) {
    return refuse(wire::pg_error::fatal("0A000", "unsupported frontend protocol " + std::to_string(major) + '.' +
                                                     std::to_string(minor) + ": server supports 3.0 to 3.2"));
  }
  std::vector<std::string_view> unknown_extensions;
  std::string options;
  for (const auto& [name, value] : message.parameters) {
    if (name == "user") {
      identity_.user = value;
    } else if (name == "database") {
      identity_.database = value;
    } else if (name == "options") {
      options = value;
    } else if (name == "replication") {
      const auto wanted = replication_of(value);
      if (!wanted) return refuse(wire::pg_error::fatal("22023", "invalid value for parameter \"replication\""));
      identity_.replication = *wanted;
    } else if (name.starts_with(extension_prefix)) {
      unknown_extensions.push_back(name);
    } else {
      identity_.settings.emplace_back(name, value);
    }
  }
  if (identity_.user.empty()) {
    return refuse(wire::pg_error::fatal("28000", "no PostgreSQL user name specified in startup packet"));
  }
  if (identity_.database.empty()) identity_.database = identity_.user;
  // PostgreSQL cuts them to 63 bytes; here rules and patterns look at them.
  constexpr std::size_t longest = 255;
  if (std::max(identity_.user.size(), identity_.database.size()) > longest)
    return refuse(wire::pg_error::fatal("42622", "user or database name is too long"));
  std::string bad_word;
  const auto from_options = parse_options(options, bad_word);
  if (!from_options) {
    // Told, as by PostgreSQL, to whom the password is right.
    error_ = wire::pg_error::fatal("42601", "invalid command-line argument for server process: " + bad_word);
    error_.hint = "Try \"postgres --help\" for more information.";
  } else {
    identity_.settings.insert(identity_.settings.begin(), from_options->begin(), from_options->end());
  }
  identity_.long_cancel_key = minor >= 2;
  if (minor == 1 || minor > 2 || !unknown_extensions.empty()) {
    wire::writer w(out);
    const std::uint32_t offered = minor >= 2 ? 2 : 0;
    wire::negotiate_protocol_version{(3U << 16) | offered, {unknown_extensions.begin(), unknown_extensions.end()}}
        .encode(w);
  }
  if (overloaded_) return refuse(wire::pg_error::fatal("53300", "sorry, too many clients already"));
  if (offers_tls_ && !secured_ && settings_->tls_client.mode >= config::tls_mode::require) {
    return refuse(wire::pg_error::fatal("28000", "TLS is required here: connect with sslmode=require or stricter"));
  }
  introduced_ = true;
  return state::introduced;
}

handshake::wish handshake::wants() const {
  wish wanted;
  const auto& auth = settings_->auth;
  const bool unknown = secret_of(settings_->find_user(identity_.user)).what == fsm::stored_secret::kind::none;
  if (auth.type != config::auth_type::hba) {
    const bool by_secret = auth.type != config::auth_type::trust && auth.type != config::auth_type::cert;
    wanted.account = auth.queries() && unknown && by_secret;
    return wanted;
  }
  const auto found = auth.rules->find(client());
  const bool peer = origin_.address.size == 0 && std::ranges::any_of(auth.rules->rules, is_peer);
  wanted.system_user = peer && (found.in_doubt || (found.rule && is_peer(*found.rule)));
  const bool of_secret = found.rule && asks_secret(found.rule->method) && unknown;
  const bool by_name = peer || (found.rule && found.rule->method == config::login_method::cert);
  const bool of_groups = found.in_doubt || (by_name && auth.rules->ask_for_groups());
  wanted.account = auth.queries() && (of_secret || of_groups);
  return wanted;
}

config::hba_client handshake::client() const {
  const auto& value = identity_.replication;
  return {.address = origin_.address,
          .tls = secured_.has_value(),
          .user = identity_.user,
          .database = identity_.database,
          .physical_replication = !value.empty() && value != "database",
          .groups = known_.groups ? &*known_.groups : nullptr,
          .own_networks = origin_.own_networks,
          .own_addresses = origin_.own_addresses};
}

handshake::state handshake::begin(account known, std::string& out) {
  asked_ = wants().account;
  known_ = std::move(known);
  const auto& auth = settings_->auth;
  if (auth.type == config::auth_type::cert) return ask_certificate("", out);
  if (auth.type != config::auth_type::hba) return ask_password(to_method(auth.type), out);
  const auto found = auth.rules->find(client());
  rule_ = found.rule;
  // Where the rules end or reject, and where it is not known what they say, PostgreSQL's words for it.
  if (!rule_) return refuse_by_rules("no pg_hba.conf entry for");
  if (found.in_doubt) {
    known_.note = "it is not known of which roles it is a member";
    return refuse_by_rules("no pg_hba.conf entry for");
  }
  return follow_rule(*rule_, out);
}

handshake::state handshake::follow_rule(const config::hba_rule& rule, std::string& out) {
  using config::login_method;
  switch (rule.method) {
    case login_method::trust:
      return ask_password(method::trust, out);
    case login_method::plain:
      return ask_password(method::plain, out);
    case login_method::md5:
      return ask_password(method::md5, out);
    case login_method::scram_sha_256:
      return ask_password(method::scram_sha_256, out);
    case login_method::reject:
      return refuse_by_rules("pg_hba.conf rejects connection for");
    case login_method::peer: {
      const auto* groups = known_.groups ? &*known_.groups : nullptr;
      const auto& mine = known_.system_user;
      if (!mine.empty() && settings_->auth.rules->may_be(rule.map, mine, identity_.user, groups))
        return ask_password(method::trust, out);
      known_.note = mine.empty() ? "the system does not say who the client is" : "the client is " + mine + " here";
      return refuse(wire::pg_error::fatal("28000", "Peer authentication failed for user " + in_quotes(identity_.user)));
    }
    case login_method::cert:
      break;
  }
  return ask_certificate(rule.map, out);
}

handshake::state handshake::ask_certificate(const std::string& map, std::string& out) {
  if (has_certificate_of_its_user(map)) return let_in(out);
  const auto name = secured_ ? secured_->common_name : std::string();
  known_.note = name.empty() ? "the client has no certificate" : "the certificate is of " + name;
  return refuse(
      wire::pg_error::fatal("28000", "certificate authentication failed for user " + in_quotes(identity_.user)));
}

handshake::state handshake::refuse_by_rules(std::string_view why) {
  const bool local = origin_.address.size == 0;
  const bool physical = client().physical_replication;
  std::string text(why);
  text.append(physical ? " replication connection from host " : " host ");
  text.append(in_quotes(local ? "[local]" : origin_.address.text()));
  text.append(", user ").append(in_quotes(identity_.user));
  if (!physical) text.append(", database ").append(in_quotes(identity_.database));
  text.append(secured_ ? ", SSL encryption" : ", no encryption");
  return refuse(wire::pg_error::fatal("28000", std::move(text)));
}

fsm::stored_secret handshake::secret() const {
  auto configured = secret_of(settings_->find_user(identity_.user));
  return configured.what == fsm::stored_secret::kind::none ? known_.secret : configured;
}

// What an unknown user is asked where md5 is wanted: by lot, but always the same for a name, what some known one is
// asked, so that the question does not tell who exists. PostgreSQL's own roles have SCRAM secrets, as a rule.
bool handshake::would_ask_scram() const {
  if (settings_->auth.queries() || settings_->users.empty()) return true;
  const auto lot = fsm::hmac_sha256(process_secret_, "question " + identity_.user);
  std::uint32_t number = 0;
  for (const char c : lot.substr(0, 4))
    number = number << 8 | static_cast<unsigned char>(c);
  return secret_of(&settings_->users[number % settings_->users.size()]).what == fsm::stored_secret::kind::scram;
}

handshake::state handshake::ask_password(method how, std::string& out) {
  using kind = fsm::stored_secret::kind;
  auto stored = secret();
  if (how == method::md5 && stored.what == kind::none && would_ask_scram()) how = method::scram_sha_256;
  // Behind a DSN every role of PostgreSQL logs in as it would there.
  if (how == method::scram_sha_256 && stored.what == kind::md5 && settings_->auth.query_if_allowed) how = method::md5;
  fsm::login_as_server::deriver derive;
  const auto in_clear = [](const config::user& u) { return u.secret.empty() && !u.password.empty(); };
  const bool some_in_clear = std::ranges::any_of(settings_->users, in_clear) || !settings_->auth.query.empty();
  if (derive_ && some_in_clear) {
    derive = [this](std::string_view password, std::string_view salt) {
      return derive_(identity_.user, password, salt);
    };
  }
  login_ = std::make_unique<fsm::login_as_server>(how, identity_.user, std::move(stored),
                                                  random_bytes(fsm::login_as_server::entropy_size), process_secret_,
                                                  secured_ ? secured_->binding : std::string(), std::move(derive));
  return log_in(out, std::nullopt);
}

handshake::state handshake::again(account known, std::string& out) {
  known_.secret = std::move(known.secret);
  known_.note = std::move(known.note);
  doubted_ = true;
  return take(login_->again(secret()), out);
}

handshake::state handshake::log_in(std::string& out, std::optional<std::pair<char, std::string_view>> input) {
  return take(input ? login_->resume(input->first, input->second) : login_->start(), out);
}

handshake::state handshake::take(const fsm::login_step& step, std::string& out) {
  out += step.send;
  switch (step.state) {
    case fsm::login_state::done:
      return let_in(out);
    case fsm::login_state::failed:
      if (login_->was_wrong() && asked_ && !doubted_) return state::doubted;
      return refuse(step.error);
    default:
      return state::more;
  }
}

handshake::state handshake::let_in(std::string& out) {
  if (error_.message.empty()) return state::accepted;
  out += wire::encode(wire::authentication_ok{});
  return state::refused;
}

// By name, by one of those that its entry has for it, or as a map says.
bool handshake::has_certificate_of_its_user(const std::string& map) const {
  if (!secured_ || secured_->common_name.empty()) return false;
  if (!map.empty()) {
    const auto* groups = known_.groups ? &*known_.groups : nullptr;
    return settings_->auth.rules->may_be(map, secured_->common_name, identity_.user, groups);
  }
  const auto* known = settings_->find_user(identity_.user);
  // Who lists users means these and no others: any certificate of the authority's names somebody. Rules say whom by
  // themselves.
  if (!known && !settings_->users.empty() && settings_->auth.type == config::auth_type::cert) return false;
  if (!known || known->cert_names.empty()) return secured_->common_name == identity_.user;
  return std::ranges::find(known->cert_names, secured_->common_name) != known->cert_names.end();
}

std::string handshake::about() const {
  const std::string place = rule_ ? rule_->place : "";
  return place + (place.empty() || known_.note.empty() ? "" : ", ") + known_.note;
}

wire::result<std::vector<std::pair<std::string, std::string>>> parse_options(std::string_view options,
                                                                             std::string& bad_word) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < options.size();) {
    if (std::string_view(" \t\r\n").find(options[at]) != std::string_view::npos) {
      ++at;
      continue;
    }
    std::string word;
    for (; at < options.size() && std::string_view(" \t\r\n").find(options[at]) == std::string_view::npos; ++at) {
      if (options[at] == '\\' && at + 1 < options.size()) ++at;
      word += options[at];
    }
    words.push_back(std::move(word));
  }
  std::vector<std::pair<std::string, std::string>> settings;
  for (std::size_t i = 0; i < words.size(); ++i) {
    bad_word = words[i];
    std::string setting;
    if (words[i] == "-c" && i + 1 < words.size()) {
      setting = words[++i];
    } else if (words[i].starts_with("-c") || words[i].starts_with("--")) {
      setting = words[i].substr(2);
    }
    const auto equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) return wire::make_error_code(wire::errc::bad_value);
    auto name = setting.substr(0, equals);
    std::replace(name.begin(), name.end(), '-', '_');  // as PostgreSQL: --some-name is some_name
    settings.emplace_back(std::move(name), setting.substr(equals + 1));
  }
  return settings;
}

}  // namespace forebay
