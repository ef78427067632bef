#include "protocol/fsm/login_as_server.hpp"

#include <utility>

#include "protocol/fsm/crypto.hpp"
#include "protocol/wire/auth.hpp"

namespace forebay::fsm {
namespace {

constexpr std::size_t salt_size = 16;
constexpr std::size_t md5_salt_size = 4;

login_step ask(wire::auth_code code, std::string_view data = {}) {
  return {wire::encode(wire::authentication{code, data}), login_state::more};
}

}  // namespace

login_as_server::login_as_server(method how, std::string user, stored_secret secret, std::string entropy,
                                 std::string_view process_secret, std::string binding, deriver derive)
    : how_(how),
      user_(std::move(user)),
      secret_(std::move(secret)),
      entropy_(std::move(entropy)),
      mock_salt_(hmac_sha256(process_secret, user_).substr(0, salt_size)),
      binding_(std::move(binding)),
      derive_(std::move(derive)) {
  entropy_.resize(entropy_size);
  const bool broken = secret_.what == stored_secret::kind::scram && !scram_secret::parse(secret_.text);
  if (broken || secret_.text.empty()) secret_ = {};
}

login_step login_as_server::again(stored_secret secret) {
  if (!was_wrong_) return malformed("unexpected password response");
  was_wrong_ = false;
  secret_ = std::move(secret);
  const bool broken = secret_.what == stored_secret::kind::scram && !scram_secret::parse(secret_.text);
  if (broken || secret_.text.empty()) secret_ = {};
  if (scram_) return wrong_password();
  return how_ == method::plain ? on_clear(answer_) : on_md5(answer_);
}

login_proof login_as_server::proof() const {
  login_proof told;
  if (how_ == method::plain) {
    told.password = answer_;
  } else if (scram_ && secret_.what == stored_secret::kind::scram) {
    told.keys = scram_->keys();
  } else if (how_ != method::trust) {
    told.password = secret_.text;
  }
  return told;
}

bool login_as_server::offers_scram() const {
  // A stored SCRAM secret cannot answer an md5 challenge, so `md5` asks for SCRAM then, as PostgreSQL does.
  return how_ == method::scram_sha_256 || (how_ == method::md5 && secret_.what == stored_secret::kind::scram);
}

login_step login_as_server::start() {
  if (how_ == method::trust) return {{}, login_state::done};
  if (how_ == method::plain) {
    awaiting_ = awaiting::clear_password;
    return ask(wire::auth_code::cleartext_password);
  }
  if (offers_scram()) {
    awaiting_ = awaiting::sasl_initial;
    if (binding_.empty()) return {wire::authentication::sasl({scram_mechanism}), login_state::more};
    return {wire::authentication::sasl({scram_plus_mechanism, scram_mechanism}), login_state::more};
  }
  awaiting_ = awaiting::md5_password;
  return ask(wire::auth_code::md5_password, std::string_view(entropy_).substr(0, md5_salt_size));
}

login_step login_as_server::resume(char type, std::string_view body) {
  // Each question has one answer. What is due next is set where it is asked; after the end nothing is.
  const auto due = std::exchange(awaiting_, awaiting::nothing);
  if (due == awaiting::nothing) return malformed("unexpected password response");
  if (type != wire::password_message::type) {
    return malformed("expected password response, got message type " +
                     std::to_string(static_cast<unsigned char>(type)));
  }
  if (due == awaiting::sasl_initial) return on_sasl_initial(body);
  if (due == awaiting::sasl_final) return on_sasl_final(body);
  const auto message = wire::password_message::decode(body);
  if (!message) return malformed("invalid password packet size");
  answer_ = message->password;
  return due == awaiting::md5_password ? on_md5(answer_) : on_clear(answer_);
}

login_step login_as_server::on_clear(std::string_view password) {
  if (password.empty()) return wrong_password();  // whatever is stored, as PostgreSQL
  bool right = false;
  if (secret_.what != stored_secret::kind::scram) {
    // What a SCRAM secret would take, or the time would tell of what kind it is, and whether there is one.
    scram_secret::derive(password, mock_salt_, scram_default_iterations);
  }
  switch (secret_.what) {
    case stored_secret::kind::clear:
      right = same_bytes(password, secret_.text);
      break;
    case stored_secret::kind::md5:
      right = same_bytes("md5" + md5_hex(std::string(password) + user_), secret_.text);
      break;
    case stored_secret::kind::scram: {
      const auto known = *scram_secret::parse(secret_.text);
      right = same_bytes(scram_secret::derive(password, known.salt, known.iterations).stored_key, known.stored_key);
      break;
    }
    case stored_secret::kind::none:
      break;
  }
  return right ? login_step{{}, login_state::done} : wrong_password();
}

login_step login_as_server::on_md5(std::string_view answer) {
  const auto known = secret_.what == stored_secret::kind::clear ? "md5" + md5_hex(secret_.text + user_)
                     : secret_.what == stored_secret::kind::md5 ? secret_.text
                                                                : "md5" + std::string(32, '?');
  const auto expected = "md5" + md5_hex(known.substr(3) + entropy_.substr(0, md5_salt_size));
  const bool known_form = secret_.what == stored_secret::kind::clear || secret_.what == stored_secret::kind::md5;
  const bool right = same_bytes(answer, expected) && known_form;
  return right ? login_step{{}, login_state::done} : wrong_password();
}

scram_secret login_as_server::scram_secret_to_prove() const {
  const bool clear = secret_.what == stored_secret::kind::clear;
  if (derive_) {
    auto made = derive_(clear ? std::string_view(secret_.text) : std::string_view(), mock_salt_);
    if (clear) return made;
  }
  if (clear) return scram_secret::derive(secret_.text, mock_salt_, scram_default_iterations);
  if (secret_.what == stored_secret::kind::scram) return *scram_secret::parse(secret_.text);
  // Nothing to prove: keys that no password has.
  return {scram_default_iterations, mock_salt_, hmac_sha256(entropy_, "stored"), hmac_sha256(entropy_, "server")};
}

login_step login_as_server::on_sasl_initial(std::string_view body) {
  const auto message = wire::sasl_initial_response::decode(body);
  if (!message) return malformed("invalid SASL initial response");
  const bool plus = message->mechanism == scram_plus_mechanism && !binding_.empty();
  if (!plus && message->mechanism != scram_mechanism)
    return malformed("client selected an invalid SASL authentication mechanism");
  scram_.emplace(scram_secret_to_prove(), base64(std::string_view(entropy_).substr(salt_size, 18)), binding_);
  const auto answer = scram_->first(message->data, plus);
  if (!answer) return malformed("malformed SCRAM message");
  awaiting_ = awaiting::sasl_final;
  return ask(wire::auth_code::sasl_continue, *answer);
}

login_step login_as_server::on_sasl_final(std::string_view body) {
  const auto answer = scram_->final(body);
  const bool provable = secret_.what == stored_secret::kind::scram || secret_.what == stored_secret::kind::clear;
  if (!answer || !provable) return wrong_password();
  auto step = ask(wire::auth_code::sasl_final, *answer);
  step.state = login_state::done;
  return step;
}

login_step login_as_server::wrong_password() {
  was_wrong_ = true;
  return {{},
          login_state::failed,
          wire::pg_error::fatal("28P01", "password authentication failed for user \"" + user_ + '"')};
}

login_step login_as_server::malformed(std::string what) {
  return {{}, login_state::failed, wire::pg_error::fatal("08P01", std::move(what))};
}

}  // namespace forebay::fsm
