#include "net/listener.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "tests/unit/net/support.hpp"

namespace forebay {
namespace {

// A listener with its control thread and its workers; clients that came are kept open and counted by worker.
class house {
 public:
  explicit house(unsigned workers) : crew_(workers), arrived_(workers), streams_(workers) {
    doors_.emplace(control_, crew_.all(), [this](worker& w, stream s) {
      streams_[w.index()].push_back(std::move(s));
      ++arrived_[w.index()];
    });
    thread_ = std::thread([this] { control_.run(); });
  }
  ~house() {
    close();
    busy_.reset();
    thread_.join();
    doors_.reset();
    crew_.stop();
  }

  error_code open_tcp(const std::string& host, std::uint16_t port) {
    return on_control([&] { return doors_->open_tcp(host, port); });
  }
  error_code open_unix(const std::string& folder, std::uint16_t port) {
    return on_control([&] { return doors_->open_unix(folder, port); });
  }
  void close() {
    on_control([this] {
      doors_->close();
      return error_code();
    });
  }

  worker& at(std::size_t i) { return crew_[i]; }
  std::vector<int> arrived() const { return {arrived_.begin(), arrived_.end()}; }
  int all() const {
    int sum = 0;
    for (const auto& n : arrived_)
      sum += n;
    return sum;
  }
  bool eventually(int clients) const {
    return test::eventually([&] { return all() == clients; });
  }

 private:
  error_code on_control(std::function<error_code()> what) {
    std::packaged_task<error_code()> task(std::move(what));
    auto result = task.get_future();
    asio::post(control_, [&task] { task(); });
    return result.get();
  }

  test::crew crew_;
  std::vector<std::atomic<int>> arrived_;
  std::vector<std::vector<stream>> streams_;  // each on its worker's thread
  asio::io_context control_{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> busy_{asio::make_work_guard(control_)};
  std::optional<listener> doors_;
  std::thread thread_;
};

sockaddr_storage address(const std::string& ip, std::uint16_t port) {
  sockaddr_storage where{};
  if (ip.find(':') != std::string::npos) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(where);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    REQUIRE(::inet_pton(AF_INET6, ip.c_str(), &v6.sin6_addr) == 1);
  } else {
    auto& v4 = reinterpret_cast<sockaddr_in&>(where);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    REQUIRE(::inet_pton(AF_INET, ip.c_str(), &v4.sin_addr) == 1);
  }
  return where;
}

socklen_t size_of(const sockaddr_storage& where) {
  return where.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

// One that nobody listened on a moment ago; the socket it was found with is closed again.
std::uint16_t free_port() {
  const test::fd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto where = address("127.0.0.1", 0);
  socklen_t size = sizeof where;
  REQUIRE(::bind(probe.number, reinterpret_cast<sockaddr*>(&where), size_of(where)) == 0);
  REQUIRE(::getsockname(probe.number, reinterpret_cast<sockaddr*>(&where), &size) == 0);
  return ntohs(reinterpret_cast<sockaddr_in&>(where).sin_port);
}

// Negative when it is refused.
test::fd call(const std::string& ip, std::uint16_t port) {
  const auto where = address(ip, port);
  test::fd client(::socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(client.number, reinterpret_cast<const sockaddr*>(&where), size_of(where)) != 0) client.close();
  return client;
}

test::fd call_unix(const std::string& path) {
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  std::strncpy(where.sun_path, path.c_str(), sizeof where.sun_path - 1);
  test::fd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(client.number, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) client.close();
  return client;
}

struct folder {
  folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~folder() { ::rmdir(path.c_str()); }
  std::string path = "/tmp/forebay-listener-XXXXXX";
};

bool ipv6_is_there() {
  const test::fd probe(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto where = address("::1", 0);
  return probe.number >= 0 && ::bind(probe.number, reinterpret_cast<const sockaddr*>(&where), size_of(where)) == 0;
}

TEST_CASE("listener: clients are spread evenly") {
  house h(4);
  const auto port = free_port();
  REQUIRE(!h.open_tcp("127.0.0.1", port));
  std::vector<test::fd> clients;
  for (int i = 0; i < 40; ++i)
    clients.push_back(call("127.0.0.1", port));
  REQUIRE(h.eventually(40));
  CHECK(h.arrived() == std::vector<int>{10, 10, 10, 10});
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(h.at(i).clients == 10);
}

TEST_CASE("listener: the least loaded worker gets the next") {
  house h(3);
  const auto port = free_port();
  REQUIRE(!h.open_tcp("127.0.0.1", port));
  h.at(0).clients = 7;
  h.at(1).clients = 3;
  h.at(2).clients = 5;
  std::vector<test::fd> clients;
  for (int i = 0; i < 6; ++i)  // up to 7 each
    clients.push_back(call("127.0.0.1", port));
  REQUIRE(h.eventually(6));
  CHECK(h.arrived() == std::vector<int>{0, 4, 2});
  h.at(0).clients -= 3;  // they have left
  for (int i = 0; i < 3; ++i)
    clients.push_back(call("127.0.0.1", port));
  REQUIRE(h.eventually(9));
  CHECK(h.arrived() == std::vector<int>{3, 4, 2});
}

TEST_CASE("listener: what a client says reaches its stream, and the other way round") {
  test::crew workers(1);
  asio::io_context control(1);
  listener doors(control, workers.all(), [](worker&, stream s) {
    gather out;
    out.copy("hello");
    CHECK(!s.write(out));
  });
  const auto port = free_port();
  REQUIRE(!doors.open_tcp("localhost", port));
  const auto client = call("127.0.0.1", port);
  REQUIRE(control.run_one_for(std::chrono::seconds(30)) == 1);
  CHECK(client.receive(5) == "hello");
  CHECK(client.ended());
}

TEST_CASE("listener: * is every interface") {
  house h(1);
  const auto port = free_port();
  REQUIRE(!h.open_tcp("*", port));
  const auto v4 = call("127.0.0.1", port), other = call("127.0.0.2", port);
  CHECK(v4.number >= 0);
  CHECK(other.number >= 0);
  CHECK(h.eventually(2));
  if (ipv6_is_there()) {
    const auto v6 = call("::1", port);
    CHECK(v6.number >= 0);
    CHECK(h.eventually(3));
  }
}

TEST_CASE("listener: one interface is one interface") {
  house h(1);
  const auto port = free_port();
  REQUIRE(!h.open_tcp("127.0.0.1", port));
  CHECK(call("127.0.0.2", port).number < 0);
}

TEST_CASE("listener: IPv6") {
  house h(1);
  const auto port = free_port();
  if (!ipv6_is_there()) {
    CHECK(h.open_tcp("::1", port));  // an error, as any address that is not of this machine
    return;
  }
  REQUIRE(!h.open_tcp("::1", port));
  const auto client = call("::1", port);
  CHECK(client.number >= 0);
  CHECK(h.eventually(1));
  CHECK(call("127.0.0.1", port).number < 0);
}

TEST_CASE("listener: an address in use is an error") {
  house first(1), second(1);
  const auto port = free_port();
  REQUIRE(!first.open_tcp("127.0.0.1", port));
  CHECK(second.open_tcp("127.0.0.1", port) == asio::error::address_in_use);
  CHECK(second.open_tcp("*", port) == asio::error::address_in_use);
  const auto client = call("127.0.0.1", port);
  CHECK(first.eventually(1));
  CHECK(second.all() == 0);
}

TEST_CASE("listener: an address of another machine is an error") {
  house h(1);
  CHECK(h.open_tcp("192.0.2.1", free_port()) == boost::system::errc::address_not_available);
  CHECK(h.open_tcp("not an address", free_port()));
}

TEST_CASE("listener: after close() nobody is let in, and who is in stays") {
  house h(1);
  const folder at;
  const auto port = free_port();
  const auto path = at.path + "/.s.PGSQL." + std::to_string(port);
  REQUIRE(!h.open_tcp("127.0.0.1", port));
  REQUIRE(!h.open_unix(at.path, port));
  const auto tcp = call("127.0.0.1", port), local = call_unix(path);
  REQUIRE(h.eventually(2));
  h.close();
  CHECK(call("127.0.0.1", port).number < 0);
  CHECK(::access(path.c_str(), F_OK) != 0);
  for (const auto* client : {&tcp, &local}) {
    char byte = 0;
    CHECK(::recv(client->number, &byte, 1, MSG_DONTWAIT) == -1);
    CHECK(errno == EAGAIN);
  }
  CHECK(!h.open_tcp("127.0.0.1", port));  // and the address is free again
}

TEST_CASE("listener: a Unix socket that is somebody's is left alone, one that was left over is replaced") {
  const folder at;
  const auto path = at.path + "/.s.PGSQL.5432";
  {
    house first(1), second(1);
    REQUIRE(!first.open_unix(at.path, 5432));
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0777);  // as PostgreSQL's
    CHECK(second.open_unix(at.path, 5432) == asio::error::address_in_use);
    const auto client = call_unix(path);
    CHECK(client.number >= 0);
    CHECK(first.eventually(2));  // with the second listener, who looked whether anybody is there
  }
  CHECK(::access(path.c_str(), F_OK) != 0);

  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  std::strncpy(where.sun_path, path.c_str(), sizeof where.sun_path - 1);
  test::fd crashed(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::bind(crashed.number, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
  crashed.close();
  REQUIRE(::access(path.c_str(), F_OK) == 0);
  house h(1);
  REQUIRE(!h.open_unix(at.path, 5432));
  const auto client = call_unix(path);
  CHECK(client.number >= 0);
  CHECK(h.eventually(1));
}

// What is logged while this lives; needs no descriptor to look at it.
class log_reader {
 public:
  log_reader() : text_(::memfd_create("log", MFD_CLOEXEC)), before_(::dup(STDERR_FILENO)) {
    REQUIRE(::dup2(text_.number, STDERR_FILENO) == STDERR_FILENO);
  }
  ~log_reader() { ::dup2(before_.number, STDERR_FILENO); }
  int count(std::string_view word) const {
    std::string all(1 << 20, '\0');
    all.resize(static_cast<std::size_t>(std::max<ssize_t>(0, ::pread(text_.number, all.data(), all.size(), 0))));
    int n = 0;
    for (auto at = all.find(word); at != all.npos; at = all.find(word, at + 1))
      ++n;
    return n;
  }

 private:
  test::fd text_, before_;
};

// No descriptor is left as long as this lives.
class no_descriptors {
 public:
  no_descriptors() {
    const test::fd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    auto low = before_;
    low.rlim_cur = static_cast<rlim_t>(next.number);  // the first number that is free
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  }
  ~no_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_CASE("listener: without descriptors it pauses, then goes on") {
  house h(2);
  const auto port = free_port();
  REQUIRE(!h.open_tcp("127.0.0.1", port));
  const auto where = address("127.0.0.1", port);
  std::vector<test::fd> callers;
  for (int i = 0; i < 5; ++i)
    callers.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  {
    const log_reader log;
    const no_descriptors now;
    const auto start = steady::now();
    for (const auto& c : callers)
      REQUIRE(::connect(c.number, reinterpret_cast<const sockaddr*>(&where), size_of(where)) == 0);
    REQUIRE(test::eventually([&] { return log.count("accept_failed") >= 4; }));
    const auto pauses = log.count("accept_failed") - 1;  // a tenth of a second each
    CHECK(pauses <= (steady::now() - start) / std::chrono::milliseconds(100));
    CHECK(h.all() == 0);
  }
  CHECK(h.eventually(5));
}

}  // namespace
}  // namespace forebay
