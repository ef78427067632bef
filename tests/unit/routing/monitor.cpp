#include "routing/monitor.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
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
  cluster_view_ptr wait(Condition is_so) {
    std::unique_lock lock(mutex);
    const bool came = changed.wait_for(lock, 20s, [&] { return last && is_so(*last); });
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

TEST_CASE("a node alone is up at once, and never called") {
  const silent_node one(true);
  watch w({&one});
  const auto view = w.wait([](const auto& v) { return v.primary == 0; });
  REQUIRE(view);
  CHECK(view->nodes[0].up);
  w.tested.suspect(one.name(), "lost");
  w.tested.watch_catalog("main", "app");
  w.tested.hurry();
  CHECK(w.tested.drain(one.name(), true));
  CHECK(w.wait([](const auto& v) { return v.nodes[0].draining && v.nodes[0].up; }));
  w.tested.stop();
  CHECK_FALSE(one.was_called());
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

}  // namespace
}  // namespace forebay
