#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "net/stream.hpp"
#include "net/worker.hpp"

// What the tests of net, pool and session share: running workers, connected sockets, waiting for something.
namespace forebay::test {

// Workers whose threads run as long as this lives.
class crew {
 public:
  explicit crew(unsigned count) {
    for (unsigned i = 0; i < count; ++i)
      workers_.push_back(std::make_unique<worker>(i));
    for (auto& w : workers_)
      w->start();
  }
  ~crew() { stop(); }
  void stop() {
    for (auto& w : workers_)
      w->stop();
    for (auto& w : workers_)
      w->join();
  }
  worker& operator[](std::size_t i) { return *workers_[i]; }
  std::size_t size() const { return workers_.size(); }
  std::vector<worker*> all() {
    std::vector<worker*> list;
    for (auto& w : workers_)
      list.push_back(w.get());
    return list;
  }

  // Runs `what` on that worker's thread and gives back what it returns.
  template <class Function>
  auto on(std::size_t i, Function what) {
    std::packaged_task<decltype(what())()> task(std::move(what));
    auto result = task.get_future();
    workers_[i]->post([&task] { task(); });
    return result.get();
  }

 private:
  std::vector<std::unique_ptr<worker>> workers_;
};

// Two connected Unix sockets; ours as a stream of that worker, the other side as a descriptor.
struct fd {
  int number = -1;
  fd() = default;
  explicit fd(int n) : number(n) {}
  fd(fd&& other) noexcept : number(std::exchange(other.number, -1)) {}
  fd& operator=(fd&& other) noexcept {
    std::swap(number, other.number);
    return *this;
  }
  ~fd() { close(); }
  void close() {
    if (number >= 0) ::close(number);
    number = -1;
  }
  void send(std::string_view bytes) const {
    REQUIRE(::send(number, bytes.data(), bytes.size(), MSG_NOSIGNAL) == ssize_t(bytes.size()));
  }
  // Up to `size` bytes; fewer when the other side closes or nothing comes for two seconds.
  std::string receive(std::size_t size) const {
    const timeval patience{2, 0};
    ::setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    std::string bytes(size, '\0');
    std::size_t got = 0;
    while (got < size) {
      const auto n = ::recv(number, bytes.data() + got, size - got, 0);
      if (n <= 0) break;
      got += static_cast<std::size_t>(n);
    }
    bytes.resize(got);
    return bytes;
  }
  // The other side closed (or reset) the connection, all its bytes read.
  bool ended() const {
    char c = 0;
    return ::recv(number, &c, 1, 0) <= 0;
  }
};

inline std::pair<stream, fd> socket_pair(worker& at) {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  return {stream(at, ends[0]), fd(ends[1])};
}

// Connected over the loopback interface.
inline std::pair<stream, fd> tcp_pair(worker& at) {
  const fd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof where;
  REQUIRE(::bind(listening.number, reinterpret_cast<sockaddr*>(&where), size) == 0);
  REQUIRE(::listen(listening.number, 1) == 0);
  REQUIRE(::getsockname(listening.number, reinterpret_cast<sockaddr*>(&where), &size) == 0);
  fd there(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(there.number, reinterpret_cast<sockaddr*>(&where), size) == 0);
  const int here = ::accept4(listening.number, nullptr, nullptr, SOCK_CLOEXEC);
  REQUIRE(here >= 0);
  tune(here);
  tune(there.number);
  return {stream(at, here), std::move(there)};
}

// True as soon as `condition` holds, false after half a minute.
template <class Condition>
bool eventually(Condition condition) {
  const auto until = steady::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (steady::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace forebay::test
