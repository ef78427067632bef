#include "session/handshake.hpp"

#include <algorithm>

#include "core/random.hpp"
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

fsm::login_as_server::method to_method(config::auth_type type) {
  using method = fsm::login_as_server::method;
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
  return fsm::stored_secret::from_text(user->secret.empty() ? user->password : user->secret);
}

// An underscore and a name for what only this protocol extension may be: "_pq_.x".
constexpr std::string_view extension_prefix = "_pq_.";

}  // namespace

handshake::handshake(std::shared_ptr<const config::settings> settings, std::string process_secret, bool overloaded)
    : settings_(std::move(settings)), process_secret_(std::move(process_secret)), overloaded_(overloaded) {}

handshake::~handshake() = default;

handshake::state handshake::refuse(wire::pg_error error) {
  error_ = std::move(error);
  return state::refused;
}

handshake::state handshake::feed(std::string_view& in, std::string& out) {
  if (direct_ && secured_ && !secured_->postgresql) {
    return refuse(wire::pg_error::fatal("08P01", "a direct TLS connection must name its protocol (ALPN postgresql)"));
  }
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
    auto& asked = std::holds_alternative<wire::ssl_request>(*packet) ? ssl_asked_ : gss_asked_;
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
      if (value != "false" && value != "off" && value != "no" && value != "0") identity_.replication = value;
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
  if (settings_->auth.type == config::auth_type::cert) {
    if (has_certificate_of_its_user()) return let_in(out);
    return refuse(
        wire::pg_error::fatal("28000", "certificate authentication failed for user \"" + identity_.user + '"'));
  }
  login_ = std::make_unique<fsm::login_as_server>(
      to_method(settings_->auth.type), identity_.user, secret_of(settings_->find_user(identity_.user)),
      random_bytes(fsm::login_as_server::entropy_size), process_secret_, secured_ ? secured_->binding : std::string());
  return log_in(out, std::nullopt);
}

handshake::state handshake::log_in(std::string& out, std::optional<std::pair<char, std::string_view>> input) {
  const auto step = input ? login_->resume(input->first, input->second) : login_->start();
  out += step.send;
  switch (step.state) {
    case fsm::login_state::done:
      return let_in(out);
    case fsm::login_state::failed:
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

// By name, or by one of those that its entry has for it.
bool handshake::has_certificate_of_its_user() const {
  if (!secured_ || secured_->common_name.empty()) return false;
  const auto* known = settings_->find_user(identity_.user);
  if (!known || known->cert_names.empty()) return secured_->common_name == identity_.user;
  return std::ranges::find(known->cert_names, secured_->common_name) != known->cert_names.end();
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
