#include "net/listener.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "core/log.hpp"

namespace forebay {

using acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol, asio::io_context::executor_type>;

struct listener::door {
  acceptor listening;
  asio::steady_timer pause;  // out of file descriptors: look again a little later
  std::string path;          // of a Unix socket, to be removed at the end
  int family;

  door(asio::io_context& control, int f, std::string p)
      : listening(control.get_executor()), pause(control), path(std::move(p)), family(f) {}
};

listener::listener(asio::io_context& control, std::vector<worker*> workers, on_client handler)
    : control_(control), workers_(std::move(workers)), handler_(std::move(handler)) {}

listener::~listener() {
  close();
}

error_code listener::open_tcp(const std::string& host, std::uint16_t port) {
  if (host == "*") {
    const auto ec = open(asio::ip::tcp::endpoint(asio::ip::tcp::v6(), port), AF_INET6, {});
    return ec ? open(asio::ip::tcp::endpoint(asio::ip::tcp::v4(), port), AF_INET, {}) : ec;
  }
  error_code ec;
  const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, ec);
  if (ec) return ec;
  return open(asio::ip::tcp::endpoint(address, port), address.is_v6() ? AF_INET6 : AF_INET, {});
}

error_code listener::open_unix(const std::string& folder, std::uint16_t port) {
  const auto path = folder + "/.s.PGSQL." + std::to_string(port);
  const asio::local::stream_protocol::endpoint where(path);
  // A socket file without a listener behind it is left over from a crash; one with a listener is somebody else's.
  asio::local::stream_protocol::socket probe(control_);
  error_code ec;
  probe.connect(where, ec);
  if (!ec) return asio::error::address_in_use;
  ::unlink(path.c_str());
  ec = open(where, AF_UNIX, path);
  if (!ec) ::chmod(path.c_str(), 0777);
  return ec;
}

error_code listener::open(asio::generic::stream_protocol::endpoint where, int family, std::string path) {
  auto d = std::make_shared<door>(control_, family, std::move(path));
  error_code ec;
  d->listening.open(asio::generic::stream_protocol(family, 0), ec);
  if (!ec) d->listening.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) d->listening.bind(where, ec);
  if (!ec) d->listening.listen(4096, ec);
  if (!ec) d->listening.native_non_blocking(true, ec);
  if (ec) return ec;
  doors_.push_back(d);
  wait(d);
  return {};
}

void listener::close() {
  for (const auto& d : doors_) {
    error_code ignored;
    d->listening.close(ignored);
    d->pause.cancel();
    if (!d->path.empty()) ::unlink(d->path.c_str());
  }
  doors_.clear();
}

void listener::wait(const std::shared_ptr<door>& d) {
  d->listening.async_wait(acceptor::wait_read, [this, d](error_code ec) {
    if (!ec && d->listening.is_open()) accept_all(d);
  });
}

void listener::accept_all(const std::shared_ptr<door>& d) {
  for (int i = 0; i < 64; ++i) {
    const int fd = ::accept4(d->listening.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) break;
      log_error("accept_failed", {{"reason", "out of file descriptors or memory; raise LimitNOFILE (ulimit -n)"}});
      d->pause.expires_after(std::chrono::milliseconds(100));
      d->pause.async_wait([this, d](error_code ec) {
        if (!ec && d->listening.is_open()) accept_all(d);
      });
      return;
    }
    if (d->family != AF_UNIX) tune(fd);
    auto& w = least_loaded();
    w.clients.fetch_add(1, std::memory_order_relaxed);
    w.post([this, &w, fd] { handler_(w, stream(w, fd)); });
  }
  wait(d);
}

worker& listener::least_loaded() {
  // Starting the search one further each time spreads ties.
  const auto n = workers_.size();
  auto* best = workers_[next_++ % n];
  for (std::size_t i = 0; i + 1 < n; ++i) {
    auto* other = workers_[(next_ + i) % n];
    if (other->clients.load(std::memory_order_relaxed) < best->clients.load(std::memory_order_relaxed)) best = other;
  }
  return *best;
}

}  // namespace forebay
