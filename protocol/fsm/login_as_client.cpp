#include "protocol/fsm/login_as_client.hpp"

#include <algorithm>

#include "protocol/fsm/crypto.hpp"
#include "protocol/wire/auth.hpp"
#include "protocol/wire/status.hpp"

namespace forebay::fsm {
namespace {

constexpr std::size_t max_collected = 64 * 1024;  // bytes of parameters; PostgreSQL sends less than one KiB

// Ours or the server's configuration, not its bytes: no sign that the node is not well.
constexpr std::string_view cannot_answer = "28000";

}  // namespace

login_as_client::login_as_client(std::vector<std::pair<std::string, std::string>> parameters,
                                 client_credentials credentials, std::string_view nonce, scram_cache* cache,
                                 std::uint32_t version, std::string binding)
    : parameters_(std::move(parameters)),
      credentials_(std::move(credentials)),
      secret_(stored_secret::from_text(credentials_.password).what),
      scram_(credentials_.password, base64(nonce), cache, std::move(binding)),
      version_(version) {
  if (credentials_.keys && secret_ != stored_secret::kind::clear) scram_.use(*credentials_.keys);
}

login_step login_as_client::start() const {
  wire::startup_message message;
  message.version = version_;
  for (const auto& [name, value] : parameters_)
    message.parameters.emplace_back(name, value);
  return {wire::encode(message), login_state::more};
}

login_step login_as_client::resume(char type, std::string_view body) {
  if (phase_ == phase::ended) return out_of_turn(type);
  const bool logged_in = phase_ == phase::accepted;
  switch (type) {
    case wire::authentication::type:
      return logged_in ? out_of_turn(type) : on_authentication(body);
    case wire::error_response::type:
      return on_error(body);
    case wire::notice_response::type:
      return wire::notice_response::decode(body) ? login_step{} : fail("server sent a malformed notice during login");
    case wire::negotiate_protocol_version::type:
      return phase_ == phase::first ? on_negotiation(body) : out_of_turn(type);
    case wire::parameter_status::type:
      return logged_in ? on_parameter(body) : out_of_turn(type);
    case wire::backend_key_data::type:
      return logged_in ? on_key(body) : out_of_turn(type);
    case wire::ready_for_query::type:
      return logged_in ? on_ready(body) : out_of_turn(type);
    default:
      return out_of_turn(type);
  }
}

login_step login_as_client::on_error(std::string_view body) {
  const auto message = wire::error_response::decode(body);
  if (!message) return fail("server sent a malformed error during login");
  phase_ = phase::ended;
  auto error = message->to_pg_error();
  error.level = wire::severity::fatal;
  if (error.message.empty()) error.message = "server refused the login without saying why";
  return {{}, login_state::failed, std::move(error)};
}

login_step login_as_client::on_negotiation(std::string_view body) {
  const auto message = wire::negotiate_protocol_version::decode(body);
  if (!message) return fail("malformed protocol negotiation");
  constexpr std::uint32_t major_3 = 3U << 16;
  const auto offered = message->version <= 0xffff ? major_3 | message->version : message->version;
  if (offered < major_3 || offered > version_ || !message->unknown_options.empty()) {
    return fail("server offers a protocol that was not asked for");
  }
  version_ = offered;
  return {};
}

login_step login_as_client::on_authentication(std::string_view body) {
  const auto message = wire::authentication::decode(body);
  if (!message) return fail("server asked for an authentication method that is not known");
  using wire::auth_code;
  if (phase_ == phase::sasl_challenge) {
    if (message->code != auth_code::sasl_continue) return fail("server left the SCRAM exchange");
    const auto answer = scram_.final(message->data);
    if (scram_.keys_differ()) {
      return fail(
          "server has another SCRAM secret of \"" + credentials_.user + "\" than the one by which its client logged in",
          cannot_answer);
    }
    if (!answer) return fail("server sent a malformed SCRAM challenge");
    phase_ = phase::sasl_outcome;
    return {wire::encode(wire::sasl_response{*answer}), login_state::more};
  }
  if (phase_ == phase::sasl_outcome) {
    if (message->code != auth_code::sasl_final || !scram_.verify(message->data)) {
      return fail("server did not prove that it knows the password", cannot_answer);
    }
    phase_ = phase::proved;
    return {};
  }
  // Each method is answered once: a server that asks again, in a weaker way perhaps, gets nothing more.
  if (phase_ != phase::first && message->code != auth_code::ok) return fail("server began a second authentication");
  switch (message->code) {
    case auth_code::ok:
      phase_ = phase::accepted;
      return {};
    case auth_code::cleartext_password:
      if (secret_ != stored_secret::kind::clear) return no_password("the password in clear");
      phase_ = phase::proved;
      return {wire::encode(wire::password_message{credentials_.password}), login_state::more};
    case auth_code::md5_password:
      return on_md5(message->data);
    case auth_code::sasl:
      return on_sasl(message->mechanisms());
    case auth_code::sasl_continue:
    case auth_code::sasl_final:
      return fail("server began in the middle of an authentication");
    default:
      return fail("server asks for GSSAPI, SSPI or Kerberos, which is not supported", cannot_answer);
  }
}

login_step login_as_client::on_md5(std::string_view salt) {
  const auto& password = credentials_.password;
  const bool hashed = secret_ == stored_secret::kind::md5;
  if (!hashed && secret_ != stored_secret::kind::clear) return no_password("md5");
  const auto inner = hashed ? stored_secret::from_text(password).text.substr(3) : md5_hex(password + credentials_.user);
  const auto answer = "md5" + md5_hex(inner + std::string(salt));
  phase_ = phase::proved;
  return {wire::encode(wire::password_message{answer}), login_state::more};
}

login_step login_as_client::on_sasl(const std::vector<std::string_view>& mechanisms) {
  const auto offers = [&](std::string_view one) {
    return std::find(mechanisms.begin(), mechanisms.end(), one) != mechanisms.end();
  };
  const bool plus = offers(scram_plus_mechanism) && scram_.can_bind();
  if (!plus && !offers(scram_mechanism)) {
    return fail("server offers no SASL mechanism that is supported", cannot_answer);
  }
  if (secret_ != stored_secret::kind::clear && !credentials_.keys) return no_password("scram-sha-256");
  phase_ = phase::sasl_challenge;
  const auto first = scram_.first(plus);
  return {wire::encode(wire::sasl_initial_response{plus ? scram_plus_mechanism : scram_mechanism, true, first}),
          login_state::more};
}

login_step login_as_client::on_parameter(std::string_view body) {
  const auto message = wire::parameter_status::decode(body);
  collected_ += body.size();
  if (!message || collected_ > max_collected) return fail("server sent malformed or endless parameters");
  facts_.parameters.emplace_back(message->name, message->value);
  return {};
}

login_step login_as_client::on_key(std::string_view body) {
  const auto message = wire::backend_key_data::decode(body);
  // Longer keys came with protocol 3.2.
  const bool fits = message && (version_ > wire::startup_message::version_3_0 || message->key.size() == 4);
  if (!fits) return fail("server sent a malformed cancel key");
  facts_.backend_pid = message->pid;
  facts_.cancel_key = message->key;
  return {};
}

login_step login_as_client::on_ready(std::string_view body) {
  const auto message = wire::ready_for_query::decode(body);
  if (!message || message->status != 'I') return fail("server is in a transaction right after login");
  phase_ = phase::ended;
  return {{}, login_state::done};
}

login_step login_as_client::fail(std::string why, std::string_view sqlstate) {
  phase_ = phase::ended;
  return {{}, login_state::failed, wire::pg_error::fatal(std::string(sqlstate), std::move(why))};
}

login_step login_as_client::no_password(std::string_view asked) {
  const auto known = credentials_.keys                       ? "what its client proved by SCRAM is known"
                     : secret_ == stored_secret::kind::md5   ? "its md5 hash is known"
                     : secret_ == stored_secret::kind::scram ? "its SCRAM secret is known"
                                                             : "";
  auto why = "server asks for " + std::string(asked) + ", and of \"" + credentials_.user + "\" ";
  why += *known ? std::string("only ") + known : "no password is known";
  return fail(why + ": set its password in [[user]], or user and password in [[database]]", cannot_answer);
}

login_step login_as_client::out_of_turn(char type) {
  return fail("server sent a message of type " + std::to_string(static_cast<unsigned char>(type)) + " during login");
}

}  // namespace forebay::fsm
