#include "protocol/fsm/scram.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/fsm/crypto.hpp"

namespace forebay::fsm {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

// RFC 7677, 3
const std::string client_nonce = "rOprNGfwEbeRWgbNEkqO";
const std::string server_nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const std::string both_nonces = client_nonce + server_nonce;
const std::string server_first = "r=" + both_nonces + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const std::string of_pencil =
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

scram_server server_of_rfc() {
  return {*scram_secret::parse(of_pencil), server_nonce};
}

// The four messages, each of which `on_the_way` may change. True: both sides were content.
using tamper = std::function<void(int number, std::string& message)>;
bool exchange(
    scram_client client, scram_server server, const tamper& on_the_way = [](int, std::string&) {}) {
  auto message = client.first();
  on_the_way(0, message);
  auto answer = server.first(message);
  if (!answer) return false;
  on_the_way(1, *answer);
  answer = client.final(*answer);
  if (!answer) return false;
  on_the_way(2, *answer);
  answer = server.final(*answer);
  if (!answer) return false;
  on_the_way(3, *answer);
  return client.verify(*answer);
}

TEST_CASE("scram: the server's side of RFC 7677's example") {
  auto server = server_of_rfc();
  CHECK(server.first("n,,n=user,r=" + client_nonce) == server_first);
  CHECK(server.final("c=biws,r=" + both_nonces + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=") ==
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

// As PostgreSQL wants it: without a name. Computed with Python's hashlib.
TEST_CASE("scram: the client's side of the same exchange") {
  scram_client client("pencil", client_nonce, nullptr);
  CHECK(client.first() == "n,,n=,r=" + client_nonce);
  CHECK_FALSE(client.verify("v="));
  CHECK_FALSE(client.verify("v=3HO6Qt1M4MKJrmlKaoOqLAI0/0TV0HZe7J9H3MBtSOg="));  // not yet
  CHECK(client.final(server_first) == "c=biws,r=" + both_nonces + ",p=qvT2SWdEH5Q06albL+hjSYuUhCG7VndFyzIb7CK4n9k=");
  CHECK(client.verify("v=3HO6Qt1M4MKJrmlKaoOqLAI0/0TV0HZe7J9H3MBtSOg="));
  CHECK_FALSE(client.verify("v=3HO6Qt1M4MKJrmlKaoOqLAI0/0TV0HZe7J9H3MBtSOg=,x=y"));
  CHECK_FALSE(client.verify("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
  for (const auto wrong : {"", "v", "v=", "v=,", "e=invalid-proof", "3HO6Qt1M4MKJrmlKaoOqLAI0/0TV0HZe7J9H3MBtSOg="}) {
    CHECK_FALSE(client.verify(wrong));
  }
}

TEST_CASE("scram: both roles, with salts of any length") {
  for (const std::size_t size : {1, 8, 15, 16, 32, 64, 1024}) {
    CAPTURE(size);
    std::string salt;
    for (std::size_t i = 0; i < size; ++i)
      salt += static_cast<char>(i * 7);
    const auto secret = scram_secret::derive("a secret", salt, 2);
    CHECK(exchange({"a secret", "cnonce", nullptr}, {secret, "snonce"}));
    CHECK_FALSE(exchange({"A secret", "cnonce", nullptr}, {secret, "snonce"}));
    CHECK_FALSE(exchange({"", "cnonce", nullptr}, {secret, "snonce"}));
  }
}

TEST_CASE("scram: a password beyond ASCII is the same on both sides however it was typed") {
  const auto secret = scram_secret::derive("p\u00e4ssw\u00f6rd", "salt", 2);
  CHECK(exchange({"pa\u0308ssw\u00f6rd", "cnonce", nullptr}, {secret, "snonce"}));
  CHECK_FALSE(exchange({"passw\u00f6rd", "cnonce", nullptr}, {secret, "snonce"}));
}

// As exchange(), by SCRAM-SHA-256-PLUS if `plus`: each side with the certificate that it sees.
bool bound_exchange(const std::string& seen_by_client, const std::string& of_server, bool plus) {
  scram_client client("a secret", "cnonce", nullptr, seen_by_client);
  scram_server server(scram_secret::derive("a secret", "salt", 2), "snonce", of_server);
  const auto hello = server.first(client.first(plus), plus);
  const auto proof = hello ? client.final(*hello) : std::nullopt;
  const auto answer = proof ? server.final(*proof) : std::nullopt;
  return answer && client.verify(*answer);
}

TEST_CASE("scram: bound to the channel, a login is good for this server's certificate only") {
  const std::string ours(32, 'c'), other(32, 'd');
  CHECK(bound_exchange(ours, ours, true));
  CHECK_FALSE(bound_exchange(other, ours, true));  // somebody in between shows a certificate of his own
  CHECK(bound_exchange("", ours, false));          // a client that cannot bind
  CHECK_FALSE(bound_exchange(ours, ours, false));  // one that was told that we cannot
  CHECK(bound_exchange(ours, "", false));          // and we cannot
}

TEST_CASE("scram: what a client says of the channel") {
  scram_client plain("x", "cnonce", nullptr), binds("x", "cnonce", nullptr, "hash");
  CHECK(plain.first() == "n,,n=,r=cnonce");
  CHECK(binds.first() == "y,,n=,r=cnonce");
  CHECK(binds.first(true) == "p=tls-server-end-point,,n=,r=cnonce");
  const auto secret = scram_secret::derive("x", "salt", 2);
  for (const auto wrong : {"n,,n=,r=c", "y,,n=,r=c", "p=tls-unique,,n=,r=c", "p=tls-server-end-point,a=u,n=,r=c"})
    CHECK_FALSE(scram_server(secret, "s", "hash").first(wrong, true));
  for (const auto wrong : {"y,,n=,r=c", "p=tls-server-end-point,,n=,r=c"})
    CHECK_FALSE(scram_server(secret, "s", "hash").first(wrong, false));
  CHECK(scram_server(secret, "s", "hash").first("n,,n=,r=c", false));
}

TEST_CASE("scram: a server that knows the stored key only proves nothing") {
  auto secret = scram_secret::derive("a secret", "salt", 2);
  secret.server_key = std::string(32, 'k');
  CHECK_FALSE(exchange({"a secret", "cnonce", nullptr}, {secret, "snonce"}));
}

TEST_CASE("scram: no byte of any message can be changed, left out or put in unnoticed") {
  const auto secret = scram_secret::derive("a secret", "0123456789abcde", 1);  // 15 bytes: base64 without '='
  const scram_client client("a secret", "cnonce", nullptr);
  const scram_server server(secret, "snonce");
  for (int number = 0; number < 4; ++number) {
    CAPTURE(number);
    std::string original;
    REQUIRE(exchange(client, server, [&](int n, std::string& message) {
      if (n == number) original = message;
    }));
    const auto refuses = [&](const std::string& changed) {
      CAPTURE(changed);
      CHECK_FALSE(exchange(client, server, [&](int n, std::string& message) {
        if (n == number) message = changed;
      }));
    };
    for (std::size_t at = 0; at <= original.size(); ++at) {
      for (const char c : "xA1=,-\n\xff"sv)
        refuses(std::string(original).insert(at, 1, c));
      refuses(std::string(original).insert(at, 1, '\0'));
      refuses(std::string(original).insert(at, ",x=y"));
      if (at == original.size()) break;
      refuses(original.substr(0, at));
      refuses(std::string(original).erase(at, 1));
      for (int bit = 0; bit < 8; ++bit) {
        auto changed = original;
        changed[at] = static_cast<char>(changed[at] ^ 1 << bit);
        refuses(changed);
      }
    }
  }
}

TEST_CASE("scram: what a client may begin with") {
  const auto first = [](std::string_view message) { return server_of_rfc().first(message).has_value(); };
  CHECK(first("n,,n=,r=abc"));
  CHECK(first("y,,n=,r=abc"));
  CHECK(first("n,,n=someone,r=abc,x=extension"));
  for (const auto wrong : {
           ""sv,
           "n"sv,
           "n,"sv,
           "n,,"sv,
           "n,,n="sv,
           "n,,n=,"sv,
           "n,,n=,r="sv,
           "n,,n=,r=,x=y"sv,
           "n,,r=abc"sv,
           "n,,r=abc,n="sv,
           "p=tls-server-end-point,,n=,r=abc"sv,  // was not offered
           "p=,,n=,r=abc"sv,
           "p,,n=,r=abc"sv,
           "x,,n=,r=abc"sv,
           "N,,n=,r=abc"sv,
           "n,a=someone,n=,r=abc"sv,  // on whose behalf
           "n,,m=must,n=,r=abc"sv,    // an extension that is not optional
           "n,,n=,r=a\0c"sv,
           "n,,n=,r=a\nc"sv,
           "n,,n=,r=a c"sv,
           "n,,n=,r=a\xc3\xa9"sv,
           "n,,n=,r=a\x7f"sv,  // no nonces
       }) {
    CAPTURE(wrong);
    CHECK_FALSE(first(wrong));
  }
}

TEST_CASE("scram: the channel binding flag is part of what is proved") {
  const auto secret = scram_secret::derive("a secret", "salt", 1);
  const auto with = [&](std::string_view flag, std::string_view c) {
    scram_server server(secret, "snonce");
    scram_client client("a secret", "cnonce", nullptr);
    auto message = client.first();
    message.replace(0, 1, flag);
    const auto challenge = server.first(message);
    if (!challenge) return false;
    auto answer = *client.final(*challenge);
    answer.replace(2, 4, c);
    return server.final(answer).has_value();
  };
  CHECK(with("n", "biws"));
  CHECK_FALSE(with("n", "eSws"));
  CHECK_FALSE(with("y", "biws"));  // taken out or put in on the way: a downgrade
  CHECK_FALSE(with("p=tls-server-end-point", "biws"));
}

// The last message of a client that knows the password, whatever it says and was told.
std::string proved(const std::string& client_first_bare, const std::string& told, const std::string& without_proof) {
  const auto salted = pbkdf2_sha256("pencil", scram_secret::parse(of_pencil)->salt, 4096);
  auto proof = hmac_sha256(salted, "Client Key");
  const auto signature = hmac_sha256(sha256(proof), client_first_bare + ',' + told + ',' + without_proof);
  for (std::size_t i = 0; i < proof.size(); ++i)
    proof[i] = static_cast<char>(proof[i] ^ signature[i]);
  return without_proof + ",p=" + base64(proof);
}

TEST_CASE("scram: a client that knows the password must still repeat what was said before") {
  const auto first = "n=,r=" + client_nonce;
  const auto says = [&](std::string_view flag, const std::string& without_proof) {
    auto server = server_of_rfc();
    REQUIRE(server.first(std::string(flag) + first) == server_first);
    return server.final(proved(first, server_first, without_proof)).has_value();
  };
  CHECK(says("n,,", "c=biws,r=" + both_nonces));
  CHECK(says("n,,", "c=biws,r=" + both_nonces + ",x=extension"));
  CHECK(says("y,,", "c=eSws,r=" + both_nonces));  // could bind the channel, but was not offered it
  CHECK_FALSE(says("y,,", "c=biws,r=" + both_nonces));
  CHECK_FALSE(says("n,,", "c=eSws,r=" + both_nonces));
  CHECK_FALSE(says("n,,", "c=,r=" + both_nonces));
  CHECK_FALSE(says("n,,", "r=" + both_nonces));
  CHECK_FALSE(says("n,,", "c=biws"));
  CHECK_FALSE(says("n,,", "c=biws,r=" + client_nonce));
  CHECK_FALSE(says("n,,", "c=biws,r=" + both_nonces + 'x'));
  CHECK_FALSE(says("n,,", "c=biws,r=" + server_nonce));
  auto server = server_of_rfc();
  CHECK_FALSE(server.final(proved("", "", "c=,r=" + server_nonce)));  // nothing was said yet
}

TEST_CASE("scram: a client's last message that is no such message") {
  const std::string proof = ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
  for (const auto& wrong :
       {std::string(), std::string("c=biws"), "c=biws,r=" + both_nonces, "r=" + both_nonces + proof, proof,
        proof.substr(1), "c=biws,r=" + client_nonce + proof, "c=biws,r=" + both_nonces + "x" + proof,
        "c=,r=" + both_nonces + proof, "c=biws,r=" + both_nonces + ",p=", "c=biws,r=" + both_nonces + ",p=AAAA",
        "c=biws,r=" + both_nonces + proof + "AAAA", "c=biws,r=" + both_nonces + proof + proof,
        "c=biws,r=" + both_nonces + ",p=" + std::string(60000, 'A')}) {
    CAPTURE(wrong);
    auto server = server_of_rfc();
    REQUIRE(server.first("n,,n=user,r=" + client_nonce));
    CHECK_FALSE(server.final(wrong));
  }
}

TEST_CASE("scram: messages out of turn") {
  auto server = server_of_rfc();
  CHECK_FALSE(server.final("c=biws,r=" + both_nonces + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="));
  REQUIRE(server.first("n,,n=user,r=" + client_nonce) == server_first);
  CHECK_FALSE(server.first("n,,n=user,r=" + client_nonce));
  CHECK_FALSE(server.final("c=biws,r=" + both_nonces + ",p=AHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="));
  // One proof for one challenge.
  CHECK_FALSE(server.final("c=biws,r=" + both_nonces + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="));
}

TEST_CASE("scram: a server's challenge that is no such message") {
  const std::string ours = "r=" + client_nonce;
  for (const auto& wrong : std::vector<std::string>{
           std::string(),
           std::string("r="),
           ours,
           ours + ",s=c2FsdA==,i=1",  // the nonce is ours alone
           "r=other" + client_nonce + ",s=c2FsdA==,i=1",
           "r=,s=c2FsdA==,i=1",
           ours.substr(0, 10) + ",s=c2FsdA==,i=1",
           ours + "x",
           ours + "x,s=c2FsdA==",
           ours + "x,s=,i=1",
           ours + "x,i=1,s=c2FsdA==",
           ours + "x,s=c2FsdA,i=1",
           ours + "x,s=c2Fs dA==,i=1",
           ours + "x,s=----,i=1",
           ours + "x,s=AAAA----,i=1",
           "m=x," + ours + "x,s=c2FsdA==,i=1",
           ours + "x,s=c2FsdA==,i=1,",
           ours + "x,s=c2FsdA==,i=1,x=y",
           ours + "\n,s=c2FsdA==,i=1",
           ours + std::string(1, '\0') + ",s=c2FsdA==,i=1",
           "e=other-error",
       }) {
    CAPTURE(wrong);
    scram_cache cache;
    scram_client client("a secret", client_nonce, &cache);
    CHECK_FALSE(client.final(wrong));
    CHECK_FALSE(client.verify("v="));
    CHECK(cache.salted_password == "");
  }
}

TEST_CASE("scram: iterations from none to absurd") {
  const auto with = [](std::string_view text) {
    scram_client client("a secret", client_nonce, nullptr);
    return client.final("r=" + both_nonces + ",s=c2FsdA==,i=" + std::string(text)).has_value();
  };
  CHECK(with("1"));
  CHECK(with("4096"));
  for (const auto wrong : {"", "0", "00", "-1", "+1", " 1", "1 ", "1.0", "0x10", "1e3", "x", "10000001", "2147483647",
                           "2147483648", "4294967295", "4294967296", "4294967297", "18446744073709551617"}) {
    CAPTURE(wrong);
    CHECK_FALSE(with(wrong));
    CHECK_FALSE(scram_secret::parse("SCRAM-SHA-256$" + std::string(wrong) + of_pencil.substr(of_pencil.find(':'))));
  }
  CHECK_FALSE(with(std::string(65536, '9')));
}

TEST_CASE("scram: long nonces and salts of a hostile server") {
  for (const std::size_t size : {1024, 4096, 16384, 65536}) {
    CAPTURE(size);
    const std::string nonce(size, 'n');
    const std::string salt(size, 's');
    scram_client client("a secret", client_nonce, nullptr);
    const auto answer =
        client.final("r=" + client_nonce + nonce + ",s=" + base64(salt) + ",i=" + std::to_string(1 + size % 3));
    REQUIRE(answer.has_value());
    CHECK(answer->starts_with("c=biws,r=" + client_nonce + nonce + ",p="));
    CHECK_FALSE(client.verify("v=" + std::string(size, 'A')));
    CHECK_FALSE(client.final("r=" + client_nonce + nonce + ",s=" + std::string(size, 'A') + "!,i=1"));
  }
  CHECK(exchange({"a secret", std::string(65536, 'c'), nullptr},
                 {scram_secret::derive("a secret", "salt", 1), std::string(65536, 's')}));
}

TEST_CASE("scram: secrets as PostgreSQL writes them") {
  const auto secret = scram_secret::parse(of_pencil);
  REQUIRE(secret.has_value());
  CHECK(secret->iterations == 4096);
  CHECK(base64(secret->salt) == "W22ZaJ0SNY7soEsUEjb6gQ==");
  CHECK(secret->text() == of_pencil);
  CHECK(scram_secret::derive("pencil", secret->salt, 4096).text() == of_pencil);
  for (const std::size_t size : {1, 2, 3, 8, 16, 32, 64, 1000}) {
    const auto made = scram_secret::derive("a secret", std::string(size, '\0'), 3).text();
    CHECK(scram_secret::parse(made)->text() == made);
  }
}

TEST_CASE("scram: every change of a secret makes another one, or none") {
  CHECK_FALSE(scram_secret::parse(""));
  CHECK_FALSE(scram_secret::parse("pencil"));
  CHECK_FALSE(scram_secret::parse("md5" + std::string(32, 'a')));
  CHECK_FALSE(scram_secret::parse("SCRAM-SHA-256$4096$a:b:c"));
  const std::string key = "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=";
  for (const auto& other : {""s, "AAAA"s, "AAAA" + key}) {
    CHECK_FALSE(scram_secret::parse("SCRAM-SHA-256$4096:c2FsdA==$" + key + ':' + other));
    CHECK_FALSE(scram_secret::parse("SCRAM-SHA-256$4096:c2FsdA==$" + other + ':' + key));
  }
  CHECK(scram_secret::parse("SCRAM-SHA-256$4096:c2FsdA==$" + key + ':' + key));
  CHECK_FALSE(
      scram_secret::parse("SCRAM-SHA-256$4096:$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
                          "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="));  // no salt
  for (std::size_t at = 0; at < of_pencil.size(); ++at) {
    CHECK_FALSE(scram_secret::parse(of_pencil.substr(0, at)));
    for (const char c : "A/9=:$- \n"sv) {
      for (const bool put_in : {false, true}) {
        auto changed = of_pencil;
        changed.replace(at, put_in ? 0 : 1, 1, c);
        CAPTURE(changed);
        const auto parsed = scram_secret::parse(changed);
        if (parsed) CHECK(parsed->text() == changed);
      }
    }
    const auto shorter = scram_secret::parse(std::string(of_pencil).erase(at, 1));
    if (shorter) CHECK(shorter->text() != of_pencil);
  }
}

TEST_CASE("scram: the client's cache spares the hashing as long as salt, iterations and password are the same") {
  scram_cache cache;
  const auto secret = scram_secret::derive("a secret", "salt", 2);
  CHECK(exchange({"a secret", "cnonce", &cache}, {secret, "snonce"}));
  CHECK(cache.salt == "salt");
  CHECK(cache.iterations == 2);
  CHECK(cache.salted_password == pbkdf2_sha256("a secret", "salt", 2));
  CHECK(exchange({"a secret", "other", &cache}, {secret, "nonces"}));

  SUBCASE("it is used") {
    cache.salted_password = std::string(32, 'x');
    CHECK_FALSE(exchange({"a secret", "cnonce", &cache}, {secret, "snonce"}));
  }
  SUBCASE("another salt") {
    CHECK(exchange({"a secret", "cnonce", &cache}, {scram_secret::derive("a secret", "pepper", 2), "snonce"}));
    CHECK(cache.salt == "pepper");
    CHECK(exchange({"a secret", "cnonce", &cache}, {secret, "snonce"}));
  }
  SUBCASE("other iterations") {
    CHECK(exchange({"a secret", "cnonce", &cache}, {scram_secret::derive("a secret", "salt", 3), "snonce"}));
    CHECK(cache.iterations == 3);
    CHECK(exchange({"a secret", "cnonce", &cache}, {secret, "snonce"}));
  }
  SUBCASE("another password: what the cache holds must not log it in") {
    CHECK_FALSE(exchange({"wrong", "cnonce", &cache}, {secret, "snonce"}));
    CHECK(exchange({"a secret", "cnonce", &cache}, {secret, "snonce"}));
    CHECK(exchange({"new", "cnonce", &cache}, {scram_secret::derive("new", "salt", 2), "snonce"}));
  }
}

}  // namespace
}  // namespace forebay::fsm
