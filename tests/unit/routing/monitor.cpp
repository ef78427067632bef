#include "routing/monitor.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "core/log.hpp"

namespace forebay {
namespace {

using namespace std::chrono_literals;

// A port of its own on loopback: refuses connections, or lets them wait for ever.
struct silent_node {
  explicit silent_node(bool listens) : fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&at), size) == 0);
    REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    if (listens) REQUIRE(listen(fd, 16) == 0);
    port = ntohs(at.sin_port);
  }
  ~silent_node() { close(fd); }
  silent_node(const silent_node&) = delete;
  silent_node& operator=(const silent_node&) = delete;

  std::string name() const { return "127.0.0.1:" + std::to_string(port); }
  // Whether anybody has come since the last time.
  bool was_called() const {
    const int caller = accept(fd, nullptr, nullptr);
    if (caller >= 0) close(caller);
    return caller >= 0;
  }

  int fd;
  std::uint16_t port;
};

std::string message(char type, const std::string& body) {
  const auto size = static_cast<std::uint32_t>(body.size() + 4);
  std::string made{type};
  for (const int shift : {24, 16, 8, 0})
    made += static_cast<char>(size >> shift);
  return made + body;
}

// The answer to a probe that asks for so many columns.
std::string rows(const std::vector<std::string>& row) {
  const auto count = std::string{'\0', static_cast<char>(row.size())};
  std::string columns = count, values = count;
  for (const auto& value : row) {
    columns += std::string("c\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0", 20);
    values += std::string(3, '\0') + static_cast<char>(value.size()) + value;
  }
  return message('T', columns) + message('D', values) + message('C', std::string("SELECT 1\0", 9)) + message('Z', "I");
}

// A primary, or a replica that has all of it, for whoever probes it; or mute, when it takes what comes and says
// nothing.
struct answering_node : silent_node {
  explicit answering_node(bool is_replica) : silent_node(true), replica(is_replica), thread([this] { serve(); }) {}
  ~answering_node() {
    shutdown(fd, SHUT_RDWR);  // wakes it
    thread.join();
  }

  void serve() {
    std::vector<pollfd> all{{fd, POLLIN, 0}};
    while (poll(all.data(), all.size(), -1) > 0) {
      for (auto& each : std::span(all).subspan(1))
        if (each.revents != 0 && !take(each.fd)) close(std::exchange(each.fd, -1));
      if (all[0].revents & POLLHUP) break;
      if (all[0].revents == 0) continue;
      all.push_back({accept(fd, nullptr, nullptr), POLLIN, 0});
    }
    for (const auto& each : std::span(all).subspan(1))
      if (each.fd >= 0) close(each.fd);
  }

  // One message: libpq sends no second one before the answer.
  bool take(int from) {
    char bytes[4096];
    const auto size = recv(from, bytes, sizeof bytes, 0);
    if (size <= 0 || bytes[0] == 'X') return false;
    if (mute) return true;
    const std::string role = replica ? "t" : "f", position = "0/1000";
    const std::string_view text(bytes, static_cast<std::size_t>(size));
    std::string answer = message('R', std::string(4, '\0')) + message('Z', "I");
    if (size == 8) answer = "N";  // no TLS
    if (bytes[0] == 'Q') answer = rows({role, position});
    if (text.find("pg_control_system") != text.npos)
      answer = rows({role, "7000", "00000001", position, position, "1", "1", "t", ""});
    return send(from, answer.data(), answer.size(), MSG_NOSIGNAL) > 0;
  }

  const bool replica;
  std::atomic<bool> mute{false};
  std::thread thread;
};

// A monitor of the cluster "main", and what it says.
struct watch {
  explicit watch(std::vector<const silent_node*> nodes) {
    log_setup("off", false);
    settings.clusters.push_back({.name = "main", .user = "u", .password = "p"});
    settings.health = {.interval = 20ms, .timeout = 1h};
    configure(std::move(nodes));
    tested.start();
  }

  void configure(std::vector<const silent_node*> nodes) {
    settings.clusters[0].nodes.clear();
    for (const auto* each : nodes)
      settings.clusters[0].nodes.push_back({.host = "127.0.0.1", .port = each->port});
    tested.configure(std::make_shared<const config::settings>(settings));
  }

  // The first view that is so, if it comes in time.
  template <class Condition>
  cluster_view_ptr wait(Condition is_so, std::chrono::seconds most = 20s) {
    std::unique_lock lock(mutex);
    const bool came = changed.wait_for(lock, most, [&] { return last && is_so(*last); });
    return came ? last : nullptr;
  }

  config::settings settings;
  std::mutex mutex;
  std::condition_variable changed;
  cluster_view_ptr last;
  monitor tested{{.view =
                      [this](cluster_view_ptr view) {
                        const std::lock_guard lock(mutex);
                        last = std::move(view);
                        changed.notify_all();
                      },
                  .rules = {}}};
};

TEST_CASE("a node alone is up at once, and called for its catalog only") {
  const silent_node one(true);
  watch w({&one});
  const auto view = w.wait([](const auto& v) { return v.primary == 0; });
  REQUIRE(view);
  CHECK(view->nodes[0].up);
  w.tested.suspect(one.name(), "lost");
  w.tested.hurry();
  CHECK(w.tested.drain(one.name(), true));
  CHECK(w.wait([](const auto& v) { return v.nodes[0].draining && v.nodes[0].up; }));
  CHECK_FALSE(one.was_called());
  w.tested.watch_catalog("main", "app");
  CHECK(w.tested.drain(one.name(), false));
  CHECK(w.wait([](const auto& v) { return !v.nodes[0].draining; }));
  w.tested.stop();
  CHECK(one.was_called());
}

TEST_CASE("nodes that refuse are down, and say why") {
  const silent_node a(false), b(false), c(false);
  watch w({&a, &b});
  const auto view = w.wait([](const auto& v) { return v.nodes[1].reason.find("refused") != std::string::npos; });
  REQUIRE(view);
  CHECK_FALSE(view->primary);
  CHECK_FALSE(view->nodes[0].up);
  CHECK_FALSE(w.tested.drain("127.0.0.1:1", true));
  CHECK(w.tested.drain(b.name(), true));
  CHECK(w.wait([](const auto& v) { return v.nodes[1].draining; }));
  w.configure({&b, &c});
  const auto later = w.wait([&](const auto& v) { return v.nodes[1].name == c.name(); });
  REQUIRE(later);
  CHECK(later->generation == view->generation + 1);
  CHECK(later->nodes[0].draining);
  CHECK(later->nodes[0].state == view->nodes[1].state);
  CHECK_FALSE(later->nodes[1].draining);
  CHECK(w.tested.drain(b.name(), false));
  CHECK(w.wait([](const auto& v) { return !v.nodes[0].draining; }));
}

TEST_CASE("a node that does not answer keeps nobody from being told, and from stopping") {
  const silent_node mute(true), refusing(false);
  watch w({&mute, &refusing});
  for (int i = 0; i < 3; ++i)
    w.tested.suspect(refusing.name(), "lost");
  CHECK(w.wait([](const auto& v) { return v.nodes[1].reason.find("refused") != std::string::npos; }));
  w.tested.stop();
}

TEST_CASE("a time-out is a failure") {
  const silent_node mute(true), other(true);
  watch w({&mute, &other});
  w.settings.health.timeout = 30ms;
  w.configure({&mute, &other});
  CHECK(w.wait([](const auto& v) { return v.nodes[0].reason == "no answer within 30ms"; }));
}

// Of the second node, when both have answered.
bool serves(const cluster_view& v) {
  return v.primary == 0 && v.nodes[1].up && v.nodes[1].role == node_view::role::replica;
}
bool is_silent(const cluster_view& v) {
  return v.nodes[0].up && !v.nodes[1].up && v.nodes[1].reason.starts_with("no answer within");
}

TEST_CASE("a replica that falls silent is down after so many time-outs, and up again when it answers") {
  answering_node primary(false), replica(true);
  watch w({&primary, &replica});
  w.settings.health.timeout = 50ms;
  w.configure({&primary, &replica});
  REQUIRE(w.wait(serves));
  replica.mute = true;
  CHECK(w.wait(is_silent));
  replica.mute = false;
  const auto view = w.wait(serves);
  REQUIRE(view);
  CHECK(view->nodes[1].since > steady::time_point{});
}

TEST_CASE("a node that is doubted, or suspected, is asked without waiting for a round") {
  for (const bool doubted : {true, false}) {
    CAPTURE(doubted);
    answering_node primary(false), replica(true);
    watch w({&primary, &replica});
    w.settings.health = {.interval = 1h, .timeout = 300ms, .rise = 1, .fall = 2};
    w.configure({&primary, &replica});
    REQUIRE(w.wait(serves));
    // More than once: an answer to what was asked before may be on its way.
    const auto tell_until = [&](auto is_so) {
      for (int i = 0; i < 40; ++i) {
        if (doubted)
          w.tested.doubt(replica.name(), "it is silent");
        else
          w.tested.suspect(replica.name(), "lost");
        if (w.wait(is_so, 1s)) return true;
      }
      return false;
    };
    replica.mute = true;
    CHECK(tell_until(is_silent));
    replica.mute = false;
    CHECK(tell_until(serves));
  }
}

}  // namespace
}  // namespace forebay
