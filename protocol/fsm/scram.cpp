#include "protocol/fsm/scram.hpp"

#include <algorithm>
#include <charconv>

#include "protocol/fsm/crypto.hpp"
#include "protocol/fsm/saslprep.hpp"

namespace forebay::fsm {
namespace {

constexpr std::size_t key_size = 32;
constexpr std::string_view gs2_binds = "p=tls-server-end-point,,";

std::optional<unsigned> to_iterations(std::string_view text) {
  unsigned value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size() || value == 0 || value > scram_max_iterations) {
    return std::nullopt;
  }
  return value;
}

// Takes "x=value" off the front, up to the next comma, which is taken too. nullopt: another attribute is there, or
// nothing follows the comma.
std::optional<std::string_view> take(std::string_view& in, char attribute) {
  if (in.size() < 2 || in[0] != attribute || in[1] != '=') return std::nullopt;
  const auto end = std::min(in.find(','), in.size());
  if (end + 1 == in.size()) return std::nullopt;
  const auto value = in.substr(2, end - 2);
  in.remove_prefix(std::min(end + 1, in.size()));
  return value;
}

// RFC 5802: printable ASCII without the comma, which take() has looked for.
bool is_nonce(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x21 && c <= 0x7e; });
}

std::string salt_password(std::string_view password, std::string_view salt, unsigned iterations) {
  return pbkdf2_sha256(saslprep(password), salt, iterations);
}

std::string exclusive_or(std::string a, std::string_view b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    a[i] = static_cast<char>(a[i] ^ b[i]);
  return a;
}

}  // namespace

std::optional<scram_secret> scram_secret::parse(std::string_view text) {
  if (!text.starts_with(scram_secret_prefix)) return std::nullopt;
  text.remove_prefix(scram_secret_prefix.size());
  const auto colon = text.find(':');
  const auto dollar = text.find('$');
  if (colon == std::string_view::npos || dollar == std::string_view::npos || colon > dollar) return std::nullopt;
  const auto keys = text.substr(dollar + 1);
  const auto middle = keys.find(':');
  if (middle == std::string_view::npos) return std::nullopt;
  const auto iterations = to_iterations(text.substr(0, colon));
  scram_secret secret;
  if (!iterations || !base64_decode(text.substr(colon + 1, dollar - colon - 1), secret.salt) || secret.salt.empty() ||
      !base64_decode(keys.substr(0, middle), secret.stored_key) || secret.stored_key.size() != key_size ||
      !base64_decode(keys.substr(middle + 1), secret.server_key) || secret.server_key.size() != key_size) {
    return std::nullopt;
  }
  secret.iterations = *iterations;
  return secret;
}

scram_secret scram_secret::derive(std::string_view password, std::string_view salt, unsigned iterations) {
  const auto salted = salt_password(password, salt, iterations);
  return {iterations, std::string(salt), sha256(hmac_sha256(salted, "Client Key")), hmac_sha256(salted, "Server Key")};
}

std::string scram_secret::text() const {
  return std::string(scram_secret_prefix) + std::to_string(iterations) + ':' + base64(salt) + '$' + base64(stored_key) +
         ':' + base64(server_key);
}

std::optional<std::string> scram_server::first(std::string_view message, bool plus) {
  if (!server_first_.empty()) return std::nullopt;
  // gs2-header: "n", "y" (the client could bind the channel but thinks we cannot) or "p=" (it binds), no authzid.
  const bool misled = !binding_.empty() && message.starts_with("y,");
  for (const auto header : {std::string_view("n,,"), std::string_view("y,,"), gs2_binds}) {
    if (message.starts_with(header) && plus == (header == gs2_binds) && !misled) gs2_header_ = header;
  }
  if (gs2_header_.empty()) return std::nullopt;
  client_first_bare_ = message.substr(gs2_header_.size());
  std::string_view rest = client_first_bare_;
  if (!take(rest, 'n')) return std::nullopt;  // the name is that of the startup packet, as in PostgreSQL
  const auto client_nonce = take(rest, 'r');
  if (!client_nonce || !is_nonce(*client_nonce)) return std::nullopt;
  nonce_.insert(0, *client_nonce);
  server_first_ = "r=" + nonce_ + ",s=" + base64(secret_.salt) + ",i=" + std::to_string(secret_.iterations);
  return server_first_;
}

std::optional<std::string> scram_server::final(std::string_view message) {
  if (server_first_.empty() || answered_) return std::nullopt;
  answered_ = true;
  const auto proof_at = message.rfind(",p=");
  if (proof_at == std::string_view::npos) return std::nullopt;
  const auto without_proof = message.substr(0, proof_at);
  std::string proof;
  if (!base64_decode(message.substr(proof_at + 3), proof) || proof.size() != key_size) return std::nullopt;
  std::string_view rest = without_proof;
  const auto binding = take(rest, 'c');
  const auto nonce = take(rest, 'r');
  const auto expected = gs2_header_ == gs2_binds ? gs2_header_ + binding_ : gs2_header_;
  if (!binding || *binding != base64(expected) || !nonce || *nonce != nonce_) return std::nullopt;
  const auto auth_message = client_first_bare_ + ',' + server_first_ + ',' + std::string(without_proof);
  const auto client_key = exclusive_or(std::move(proof), hmac_sha256(secret_.stored_key, auth_message));
  if (!same_bytes(sha256(client_key), secret_.stored_key)) return std::nullopt;
  keys_ = scram_keys{secret_.iterations, secret_.salt, client_key, secret_.server_key};
  return "v=" + base64(hmac_sha256(secret_.server_key, auth_message));
}

std::string scram_client::first(bool plus) {
  // "y" tells a server that does offer it that somebody has taken the offer out.
  gs2_header_ = plus ? gs2_binds : can_bind() ? "y,," : "n,,";
  return gs2_header_ + first_bare();
}

std::string scram_client::first_bare() const {
  return "n=,r=" + nonce_;
}

std::string scram_client::salted_password(const std::string& salt, unsigned iterations) {
  if (cache_ && cache_->password == password_ && cache_->salt == salt && cache_->iterations == iterations)
    return cache_->salted_password;
  auto salted = salt_password(password_, salt, iterations);
  if (cache_) *cache_ = {password_, salt, iterations, salted};
  return salted;
}

std::optional<std::string> scram_client::final(std::string_view server_first) {
  std::string_view rest = server_first;
  const auto nonce = take(rest, 'r');
  const auto salt_text = take(rest, 's');
  const auto iterations_text = take(rest, 'i');
  std::string salt;
  if (!rest.empty()) return std::nullopt;  // as libpq: no extensions are known
  if (!nonce || !is_nonce(*nonce) || nonce->size() <= nonce_.size() || !nonce->starts_with(nonce_)) return std::nullopt;
  if (!salt_text || !base64_decode(*salt_text, salt) || salt.empty()) return std::nullopt;
  const auto iterations = iterations_text ? to_iterations(*iterations_text) : std::nullopt;
  if (!iterations) return std::nullopt;

  std::string client_key, server_key;
  if (keys_) {
    keys_differ_ = keys_->salt != salt || keys_->iterations != *iterations;
    if (keys_differ_) return std::nullopt;
    client_key = keys_->client_key;
    server_key = keys_->server_key;
  } else {
    const auto salted = salted_password(salt, *iterations);
    client_key = hmac_sha256(salted, "Client Key");
    server_key = hmac_sha256(salted, "Server Key");
  }
  const auto channel = gs2_header_ == gs2_binds ? gs2_header_ + binding_ : gs2_header_;
  const auto without_proof = "c=" + base64(channel) + ",r=" + std::string(*nonce);
  const auto auth_message = first_bare() + ',' + std::string(server_first) + ',' + without_proof;
  server_signature_ = hmac_sha256(server_key, auth_message);
  const auto proof = exclusive_or(client_key, hmac_sha256(sha256(client_key), auth_message));
  return without_proof + ",p=" + base64(proof);
}

bool scram_client::verify(std::string_view server_final) const {
  std::string signature;
  const auto value = take(server_final, 'v');
  return !server_signature_.empty() && value && server_final.empty() && base64_decode(*value, signature) &&
         same_bytes(signature, server_signature_);
}

}  // namespace forebay::fsm
