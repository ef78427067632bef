#include "net/tls.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "net/side_threads.hpp"
#include "support.hpp"

namespace forebay::test {
namespace {

using context_ptr = std::shared_ptr<const tls_context>;

// A folder with a certificate for "localhost" that vouches for itself, and its key.
class certificate {
 public:
  explicit certificate(const char* kind = "ec", const EVP_MD* digest = EVP_sha256()) {
    char name[] = "/tmp/forebay-unit-XXXXXX";
    folder_ = mkdtemp(name);
    const std::string_view wanted(kind);
    auto* key = wanted == "ec"    ? EVP_EC_gen("P-256")
                : wanted == "rsa" ? EVP_RSA_gen(2048)
                                  : EVP_PKEY_Q_keygen(nullptr, nullptr, kind);
    auto* made = X509_new();
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_gmtime_adj(X509_getm_notBefore(made), -60);
    X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    X509_set_pubkey(made, key);
    const auto* text = reinterpret_cast<const unsigned char*>("localhost");
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC, text, -1, -1, 0);
    X509_set_issuer_name(made, X509_get_subject_name(made));
    X509_sign(made, key, digest);
    write("crt", [&](FILE* f) { PEM_write_X509(f, made); });
    write("key", [&](FILE* f) { PEM_write_PrivateKey(f, key, nullptr, nullptr, 0, nullptr, nullptr); });
    X509_free(made);
    EVP_PKEY_free(key);
  }
  ~certificate() { std::filesystem::remove_all(folder_); }
  std::string file(const std::string& name) const { return folder_ + '/' + name; }

  config::tls settings() const {
    config::tls t;
    t.mode = config::tls_mode::require;
    t.cert_file = file("crt");
    t.key_file = file("key");
    return t;
  }
  context_ptr server() const { return make(settings(), config::tls_role::server); }
  context_ptr client(config::tls_mode mode = config::tls_mode::verify_full) const {
    config::tls t;
    t.mode = mode;
    t.ca_file = file("crt");
    return make(t, config::tls_role::client);
  }
  static context_ptr make(const config::tls& t, config::tls_role role) {
    std::vector<config::tls_fault> faults;
    auto made = tls_context::make(t, role, faults);
    REQUIRE_MESSAGE(made, doctest::String(faults.empty() ? "" : faults[0].text.c_str()));
    return made;
  }

 private:
  void write(const std::string& name, const auto& content) {
    auto* f = std::fopen(file(name).c_str(), "w");
    REQUIRE(f);
    content(f);
    std::fclose(f);
  }
  std::string folder_;
};

// Both ends in memory. `step` bytes at a time cross the network.
struct pair_of_ends {
  pair_of_ends(const context_ptr& server_side, const context_ptr& client_side, std::string peer = "localhost")
      : server(server_side, {}), client(client_side, std::move(peer)) {}

  // Until neither has anything to say; what each has received, and the first error.
  void settle(std::size_t step = std::string::npos) {
    if (!client.established() && !ec) ec = client.shake_hands({}, to_server);
    while (!ec && (!to_server.empty() || !to_client.empty())) {
      pass(to_server, server, to_client, at_server, step);
      pass(to_client, client, to_server, at_client, step);
    }
  }
  void pass(std::string& from, tls_engine& into, std::string& out, std::string& heard, std::size_t step) {
    const auto cipher = from.substr(0, step);
    from.erase(0, cipher.size());
    std::vector<char> space(cipher.size() + tls_engine::most_held);
    const auto got = into.read(cipher, space, out);
    CHECK_FALSE(got.more);
    heard.append(space.data(), got.bytes);
    if (got.ec && !ec) ec = got.ec;
  }

  tls_engine server, client;
  std::string to_server, to_client, at_server, at_client;
  error_code ec;
};

TEST_CASE("tls: a handshake and what follows it, however it is cut up") {
  const certificate made;
  const auto server = made.server(), client = made.client();
  for (const std::size_t step : {std::string::npos, std::size_t{1}, std::size_t{5}, std::size_t{100}}) {
    CAPTURE(step);
    pair_of_ends ends(server, client);
    ends.settle(step);
    REQUIRE_FALSE(ends.ec);
    CHECK(ends.server.established());
    CHECK(ends.client.established());
    CHECK(ends.client.description().starts_with("TLSv1.3/TLS_"));
    CHECK(ends.client.peer_is_verified());
    CHECK(ends.client.peer_common_name() == "localhost");
    CHECK(ends.server.agreed_on_postgresql());
    CHECK(ends.client.channel_binding().size() == 32);
    CHECK(ends.client.channel_binding() == ends.server.channel_binding());
    const std::string large(70'000, 'x');
    ends.client.write("hello", ends.to_server);
    ends.client.write(large, ends.to_server);
    ends.server.write("and back", ends.to_client);
    ends.settle(step);
    CHECK(ends.at_server == "hello" + large);
    CHECK(ends.at_client == "and back");
    CHECK_FALSE(ends.server.holds_input());
    ends.client.say_goodbye(ends.to_server);
    ends.settle(step);
    CHECK(ends.ec == asio::error::eof);
  }
}

TEST_CASE("tls: a certificate that is not right") {
  const certificate made, other;
  pair_of_ends wrong_name(made.server(), made.client(), "elsewhere");
  wrong_name.settle();
  CHECK(wrong_name.ec.message() == "certificate verify failed: hostname mismatch");
  pair_of_ends wrong_address(made.server(), made.client(), "127.0.0.1");
  wrong_address.settle();
  CHECK(wrong_address.ec.message() == "certificate verify failed: IP address mismatch");
  pair_of_ends any_name(made.server(), made.client(config::tls_mode::verify_ca), "elsewhere");
  any_name.settle();
  CHECK_FALSE(any_name.ec);
  pair_of_ends wrong_authority(made.server(), other.client());
  wrong_authority.settle();
  CHECK(wrong_authority.ec.category() == tls_category());
  pair_of_ends unasked(made.server(), other.client(config::tls_mode::require));
  unasked.settle();
  CHECK_FALSE(unasked.ec);
  CHECK_FALSE(unasked.client.peer_is_verified());
}

TEST_CASE("tls: garbage is an error, and an alert goes out") {
  const certificate made;
  for (const auto& junk : {std::string(300, '\0'), std::string("GET / HTTP/1.1\r\n\r\n"),
                           std::string("\x16\x03\x01\x00\x04\xff\xff\xff\xff", 9)}) {
    tls_engine server(made.server(), {});
    std::string out;
    char space[100];
    const auto got = server.read(junk, space, out);
    CHECK(got.ec.category() == tls_category());
    CHECK(got.bytes == 0);
    CHECK(server.read("more", space, out).ec);  // it stays dead
  }
}

TEST_CASE("tls: too small a space, and the rest comes with the next read") {
  const certificate made;
  pair_of_ends ends(made.server(), made.client());
  ends.settle();
  ends.client.write(std::string(40'000, 'a') + 'b', ends.to_server);
  std::string heard, out, cipher = std::move(ends.to_server);
  bool more = true;
  while (more) {
    char space[3000];
    const auto got = ends.server.read(std::exchange(cipher, {}), space, out);
    REQUIRE_FALSE(got.ec);
    heard.append(space, got.bytes);
    more = got.more;
  }
  CHECK(heard == std::string(40'000, 'a') + 'b');
}

TEST_CASE("tls: the same files make the same context, other ones another") {
  const certificate made;
  CHECK(made.server()->same_as(*made.server()));
  CHECK_FALSE(made.server()->same_as(*made.client()));
  CHECK_FALSE(made.client()->same_as(*made.client(config::tls_mode::verify_ca)));
  const auto before = made.server();
  std::ofstream(made.file("crt"), std::ios::app) << "\n";
  CHECK_FALSE(before->same_as(*made.server()));
}

TEST_CASE("tls: a chain that is damaged, and a key that others can read") {
  const certificate made;
  const auto settings = made.settings();
  std::vector<config::tls_fault> faults;
  CHECK(::chmod(settings.key_file.c_str(), 0600) == 0);
  CHECK(tls_context::make(settings, config::tls_role::server, faults));
  CHECK(faults.empty());
  CHECK(::chmod(settings.key_file.c_str(), 0604) == 0);
  CHECK(tls_context::make(settings, config::tls_role::server, faults));
  REQUIRE(faults.size() == 1);
  CHECK(faults[0].is_warning);
  CHECK(faults[0].key == "key_file");
  faults.clear();
  std::ofstream(settings.cert_file, std::ios::app) << "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
  CHECK_FALSE(tls_context::make(settings, config::tls_role::server, faults));
  REQUIRE_FALSE(faults.empty());
  CHECK(faults[0].key == "cert_file");
  CHECK(faults[0].text.find("is damaged behind its first certificate") != std::string::npos);
}

// RFC 5929, 4.1: the hash of the signature, but SHA-256 for MD5 and SHA-1; none where the signature has none.
TEST_CASE("tls: what a login is bound to follows the certificate's signature") {
  const auto check = [](const char* kind, const EVP_MD* signature, const EVP_MD* expected) {
    const certificate made(kind, signature);
    auto* f = std::fopen(made.file("crt").c_str(), "r");
    auto* read = PEM_read_X509(f, nullptr, nullptr, nullptr);
    std::fclose(f);
    REQUIRE(read);
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (expected) X509_digest(read, expected, bytes, &size);
    CHECK(end_point_of(read) == std::string(reinterpret_cast<const char*>(bytes), size));
    X509_free(read);
  };
  check("ec", EVP_sha256(), EVP_sha256());
  check("ec", EVP_sha384(), EVP_sha384());
  check("rsa", EVP_sha384(), EVP_sha384());
  check("rsa", EVP_sha512(), EVP_sha512());
  check("rsa", EVP_sha1(), EVP_sha256());
  check("ED25519", nullptr, nullptr);
}

TEST_CASE("tls: a session serves once, and only with its server") {
  const certificate made;
  const auto client = made.client();
  client->keep_session("localhost 127.0.0.1:1", SSL_SESSION_new());
  CHECK_FALSE(client->take_session("localhost 127.0.0.1:2"));
  CHECK(client->take_session("localhost 127.0.0.1:1"));
  CHECK_FALSE(client->take_session("localhost 127.0.0.1:1"));
}

TEST_CASE("tls: who has gone before the handshake begins is noticed then") {
  const certificate made;
  crew workers(1);
  const auto client = made.client();
  const auto failed = workers.on(0, [&] {
    auto [io, other] = socket_pair(workers[0]);
    other.close();
    return io.begin_tls(client, "localhost");
  });
  CHECK(failed == asio::error::broken_pipe);
}

// Echoes over TLS until the client says goodbye; the client is an engine on this thread, over a blocking socket.
void check_echo(crew& workers, const context_ptr& server, const context_ptr& client) {
  auto [io, other] = workers.on(0, [&] {
    auto ends = socket_pair(workers[0]);
    return std::pair(std::make_unique<stream>(std::move(ends.first)), std::move(ends.second));
  });
  struct echo {
    stream& io;
    std::promise<error_code> ended;
    static void on_ready(void* self, readiness what) {
      auto& me = *static_cast<echo*>(self);
      if (what != readiness::readable) return;
      auto input = me.io.read();
      gather out;
      out.copy(input.data);
      if (me.io.tls() && !out.empty()) me.io.write(out);
      if (!input.ec) return me.io.wait(readiness::readable, &on_ready, self);
      me.io.stop_waiting();
      me.ended.set_value(input.ec);
    }
  } server_side{*io, {}};
  workers.on(0, [&] {
    io->begin_tls(server);
    io->wait(readiness::readable, &echo::on_ready, &server_side);
    return 0;
  });
  tls_engine engine(client, "localhost");
  std::string out, heard;
  engine.shake_hands({}, out);
  const std::string question(50'000, 'q');
  bool asked = false;
  while (heard.size() < question.size()) {
    if (!out.empty()) other.send(std::exchange(out, {}));
    char cipher[8000];
    const auto n = ::recv(other.number, cipher, sizeof cipher, 0);
    REQUIRE(n > 0);
    std::vector<char> space(sizeof cipher + tls_engine::most_held);
    const auto got = engine.read({cipher, static_cast<std::size_t>(n)}, space, out);
    REQUIRE_FALSE(got.ec);
    heard.append(space.data(), got.bytes);
    if (engine.established() && !std::exchange(asked, true)) engine.write(question, out);
  }
  CHECK(heard == question);
  engine.say_goodbye(out);
  other.send(out);
  CHECK(server_side.ended.get_future().get() == asio::error::eof);
  workers.on(0, [&] {
    io.reset();
    return 0;
  });
}

TEST_CASE("tls: a stream over it, with and without threads for the handshake") {
  const certificate ec, rsa("rsa");
  CHECK_FALSE(ec.server()->is_costly());
  CHECK(rsa.server()->is_costly());
  side_threads side(2);
  {
    crew workers(1);
    check_echo(workers, ec.server(), ec.client());
    check_echo(workers, rsa.server(), rsa.client());
  }
  crew workers(1);
  workers.on(0, [&] { return workers[0].side = &side, 0; });
  for (int i = 0; i < 10; ++i)
    check_echo(workers, rsa.server(), rsa.client());
  workers.stop();
  side.stop();
}

// Does what it is told to, on a side thread.
struct errand final : side_threads::job {
  explicit errand(std::function<void()> w) : what(std::move(w)) {}
  void run() override { what(); }
  std::function<void()> what;
};

bool send_out(side_threads& side, side_threads::line in, std::function<void()> what) {
  return side.post(std::make_unique<errand>(std::move(what)), in);
}

// The only side thread waits here until it is let go.
struct held_up {
  explicit held_up(side_threads& side) {
    REQUIRE(send_out(side, side_threads::line::of_client, [this] {
      begun.set_value();
      go.get_future().wait();
    }));
    begun.get_future().wait();
  }
  std::promise<void> begun, go;
};

TEST_CASE("tls: handshakes to servers go first, and too many of clients are refused") {
  using line = side_threads::line;
  side_threads side(1);
  std::string order;
  std::promise<void> done;
  held_up thread(side);
  CHECK(send_out(side, line::of_client, [&] { order += 'c'; }));
  CHECK(send_out(side, line::to_server, [&] { order += 's'; }));
  int taken = 1;
  while (taken < 100'000 && send_out(side, line::of_client, [] {}))
    ++taken;
  CHECK(taken == 4096);
  CHECK(send_out(side, line::to_server, [&] { order += 's'; }));
  thread.go.set_value();
  CHECK(eventually([&] { return send_out(side, line::of_client, [&] { done.set_value(); }); }));
  done.get_future().wait();
  CHECK(order == "ssc");
}

TEST_CASE("tls: the handshake of a stream that was closed while it waited its turn is not computed") {
  static std::atomic<int> handshakes;
  const certificate rsa("rsa");
  const auto context = rsa.server();
  SSL_CTX_set_info_callback(context->native(), [](const SSL*, int where, int) {
    if (where == SSL_CB_HANDSHAKE_START) ++handshakes;
  });
  std::string hello;
  tls_engine(rsa.client(), "localhost").shake_hands({}, hello);
  for (const bool closed : {true, false}) {
    handshakes = 0;
    side_threads side(1);
    crew workers(1);
    std::promise<void> past;
    held_up thread(side);
    auto io = workers.on(0, [&] {
      workers[0].side = &side;
      auto made = std::make_unique<stream>(std::move(socket_pair(workers[0]).first));
      made->begin_tls(context, {}, hello);
      if (closed) made->close();
      return made;
    });
    REQUIRE(send_out(side, side_threads::line::of_client, [&] { past.set_value(); }));
    thread.go.set_value();
    past.get_future().wait();
    CHECK(handshakes == (closed ? 0 : 1));
    workers.on(0, [&] { return io.reset(), 0; });
    workers.stop();
  }
}

TEST_CASE("tls: a worker that ends while a handshake waits its turn: who waits for it is told once that it is over") {
  const certificate rsa("rsa");
  const auto context = rsa.server();
  std::string hello;
  tls_engine(rsa.client(), "localhost").shake_hands({}, hello);
  for (const bool closed : {true, false}) {
    side_threads side(1);
    crew workers(1);
    std::vector<readiness> told;
    held_up thread(side);
    auto io = workers.on(0, [&] {
      workers[0].side = &side;
      auto made = std::make_unique<stream>(std::move(socket_pair(workers[0]).first));
      made->begin_tls(context, {}, hello);
      made->wait(
          readiness::readable,
          [](void* all, readiness what) { static_cast<std::vector<readiness>*>(all)->push_back(what); }, &told);
      if (closed) made->close();
      return made;
    });
    workers.stop();
    std::thread stopping([&] { side.stop(); });
    CHECK(eventually([&] { return !send_out(side, side_threads::line::to_server, [] {}); }));
    thread.go.set_value();
    stopping.join();
    CHECK(told == (closed ? std::vector<readiness>{} : std::vector{readiness::abandoned}));
    io.reset();
  }
}

}  // namespace
}  // namespace forebay::test
