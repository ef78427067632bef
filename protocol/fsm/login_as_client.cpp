#include "protocol/fsm/login_as_client.hpp"

#include <algorithm>

#include "protocol/fsm/crypto.hpp"
#include "protocol/wire/auth.hpp"
#include "protocol/wire/status.hpp"

namespace forebay::fsm {
namespace {

constexpr std::size_t max_collected = 64 * 1024;  // bytes of parameters; PostgreSQL sends less than one KiB

bool is_md5_hash(std::string_view password) {
  return password.size() == 35 && password.starts_with("md5");
}
bool is_scram_secret(std::string_view password) {
  return scram_secret::parse(password).has_value();
}

}  // namespace

login_as_client::login_as_client(std::vector<std::pair<std::string, std::string>> parameters,
                                 client_credentials credentials, std::string_view nonce, scram_cache* cache,
                                 std::uint32_t version)
    : parameters_(std::move(parameters)),
      credentials_(std::move(credentials)),
      scram_(credentials_.password, base64(nonce), cache),
      version_(version) {}

login_step login_as_client::start() const {
  wire::startup_message message;
  message.version = version_;
  for (const auto& [name, value] : parameters_)
    message.parameters.emplace_back(name, value);
  return {wire::encode(message), login_state::more};
}

login_step login_as_client::resume(char type, std::string_view body) {
  const bool logged_in = phase_ == phase::accepted;
  switch (type) {
    case wire::authentication::type:
      return logged_in || phase_ == phase::ended ? out_of_turn(type) : on_authentication(body);
    case wire::error_response::type: {
      const auto message = wire::error_response::decode(body);
      phase_ = phase::ended;
      if (!message) return fail("server sent a malformed error during login");
      auto error = message->to_pg_error();
      error.level = wire::severity::fatal;
      return {{}, login_state::failed, std::move(error)};
    }
    case wire::notice_response::type:
      return {};
    case wire::negotiate_protocol_version::type:
      return wire::negotiate_protocol_version::decode(body) ? login_step{} : fail("malformed protocol negotiation");
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

login_step login_as_client::on_authentication(std::string_view body) {
  const auto message = wire::authentication::decode(body);
  if (!message) return fail("server asked for an authentication method that is not known");
  using wire::auth_code;
  if (phase_ == phase::sasl_challenge) {
    if (message->code != auth_code::sasl_continue) return fail("server left the SCRAM exchange");
    const auto answer = scram_.final(message->data);
    if (!answer) return fail("server sent a malformed SCRAM challenge");
    phase_ = phase::sasl_outcome;
    return {wire::encode(wire::sasl_response{*answer}), login_state::more};
  }
  if (phase_ == phase::sasl_outcome) {
    if (message->code != auth_code::sasl_final || !scram_.verify(message->data)) {
      return fail("server did not prove that it knows the password");
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
      if (credentials_.password.empty()) return fail("server asks for a password and none is configured");
      if (is_md5_hash(credentials_.password) || is_scram_secret(credentials_.password)) {
        return fail("server asks for the password in clear and only a hash is configured");
      }
      phase_ = phase::proved;
      return {wire::encode(wire::password_message{credentials_.password}), login_state::more};
    case auth_code::md5_password:
      return on_md5(message->data);
    case auth_code::sasl:
      return on_sasl(message->mechanisms());
    default:
      return fail("server asks for GSSAPI, SSPI or Kerberos, which is not supported");
  }
}

login_step login_as_client::on_md5(std::string_view salt) {
  const auto& password = credentials_.password;
  if (password.empty()) return fail("server asks for a password and none is configured");
  if (is_scram_secret(password)) return fail("server asks for md5 and only a SCRAM secret is configured");
  const auto inner = is_md5_hash(password) ? password.substr(3) : md5_hex(password + credentials_.user);
  const auto answer = "md5" + md5_hex(inner + std::string(salt));
  phase_ = phase::proved;
  return {wire::encode(wire::password_message{answer}), login_state::more};
}

login_step login_as_client::on_sasl(const std::vector<std::string_view>& mechanisms) {
  if (credentials_.password.empty()) return fail("server asks for a password and none is configured");
  if (is_md5_hash(credentials_.password) || is_scram_secret(credentials_.password)) {
    return fail("server asks for SCRAM, which needs the password itself, and only a hash is configured");
  }
  if (std::find(mechanisms.begin(), mechanisms.end(), scram_mechanism) == mechanisms.end()) {
    return fail("server offers no SASL mechanism that is supported");
  }
  phase_ = phase::sasl_challenge;
  const auto first = scram_.first();
  return {wire::encode(wire::sasl_initial_response{scram_mechanism, true, first}), login_state::more};
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
  if (!message) return fail("server sent a malformed cancel key");
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

login_step login_as_client::fail(std::string why) {
  phase_ = phase::ended;
  return {{}, login_state::failed, wire::pg_error::fatal("08P01", std::move(why))};
}

login_step login_as_client::out_of_turn(char type) {
  return fail("server sent a message of type " + std::to_string(static_cast<unsigned char>(type)) + " during login");
}

}  // namespace forebay::fsm
