#include "net/stream.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/stream_tls.hpp"

namespace forebay {
namespace {

constexpr std::chrono::seconds linger_time{2};
constexpr std::size_t kept_capacity = 512;  // an idle connection gives larger buffers back

error_code system_error(int number) {
  return {number, boost::system::system_category()};
}

void release_if_large(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kept_capacity) std::string().swap(buffer);
}

}  // namespace

stream::stream(worker& at, int fd) : at_(&at), fd_(fd) {
  ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
}

stream::stream(worker& at, const endpoint& to, error_code& ec)
    : at_(&at), fd_(::socket(to.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
  if (fd_ >= 0 && to.protocol().family() != AF_UNIX) tune(fd_);
  if (fd_ < 0 || (::connect(fd_, to.data(), static_cast<socklen_t>(to.size())) != 0 && errno != EINPROGRESS)) {
    ec = system_error(errno);
    close();
  }
}

stream::stream(stream&& other) noexcept
    : at_(other.at_),
      fd_(std::exchange(other.fd_, -1)),
      stay_(std::exchange(other.stay_, 0)),
      waiting_(std::exchange(other.waiting_, false)),
      tls_(std::move(other.tls_)),
      kept_(std::move(other.kept_)),
      backlog_(std::move(other.backlog_)),
      backlog_at_(other.backlog_at_) {}

stream::~stream() {
  close();
}

error_code stream::connected() const {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  return error == 0 ? error_code() : system_error(error);
}

read_result stream::read() {
  const auto space = at_->scratch();
  const auto kept = std::min(kept_.size(), space.size());
  std::memcpy(space.data(), kept_.data(), kept);
  auto result = receive(space.subspan(kept));
  kept_.clear();
  result.data = {space.data(), kept + result.fresh};
  return result;
}

read_result stream::read_into(std::span<char> space) {
  auto result = receive(space);
  result.data = {space.data(), result.fresh};
  return result;
}

read_result stream::receive(std::span<char> space) {
  if (tls_) return receive_tls(space);
  read_result result;
  const auto room = std::min(worker::read_size, space.size());
  const auto n = ::recv(fd_, space.data(), room, MSG_DONTWAIT);
  if (n > 0) {
    result.fresh = static_cast<std::size_t>(n);
  } else if (n == 0) {
    result.ec = asio::error::eof;
  } else if (errno != EAGAIN && errno != EINTR) {
    result.ec = system_error(errno);
  }
  result.full = result.fresh == room;
  return result;
}

void stream::keep(std::string_view rest) {
  if (rest.empty()) {
    release_if_large(kept_);
  } else {
    kept_.assign(rest);
  }
}

error_code stream::write(gather& out) {
  if (tls_) return write_tls(out);
  std::size_t sent = 0;
  error_code failed;
  thread_local std::vector<iovec> pieces;
  while (!backlog() && sent < out.size()) {
    out.fill(pieces, sent);
    ssize_t n = 0;
    if (pieces.size() == 1) {
      n = ::send(fd_, pieces[0].iov_base, pieces[0].iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);  // cheaper than sendmsg
    } else {
      msghdr message{};
      message.msg_iov = pieces.data();
      message.msg_iovlen = pieces.size();
      n = ::sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) failed = system_error(errno);
      break;
    }
    sent += static_cast<std::size_t>(n);
  }
  if (!failed && sent < out.size()) out.append_to(backlog_, sent);
  out.clear();
  return failed;
}

error_code stream::flush() {
  while (backlog()) {
    const auto n =
        ::send(fd_, backlog_.data() + backlog_at_, backlog_.size() - backlog_at_, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN ? error_code{} : system_error(errno);
    }
    backlog_at_ += static_cast<std::size_t>(n);
  }
  backlog_at_ = 0;
  release_if_large(backlog_);
  return {};
}

bool stream::is_busy() const {
  return tls_ && tls_->busy;
}

void stream::wait(readiness what, poller::handler tell, void* owner) {
  if (is_busy()) {
    wait_while_busy(what, tell, owner);
    what = what & readiness::writable;
  }
  at_->sockets().wait(fd_, stay_, what, tell, owner);
  waiting_ = what != readiness::none;
}

void stream::stop_waiting() {
  if (tls_) tls_->tell = nullptr;
  if (std::exchange(waiting_, false)) at_->sockets().stop_waiting(fd_, stay_);
}

void stream::cancel_wait() {
  if (tls_ && tls_->tell) return tls_->tell_waiting(readiness::none);
  if (std::exchange(waiting_, false)) at_->sockets().cancel(fd_, stay_);
}

bool stream::watched_quiet() const {
  return stay_ != 0 && at_->sockets().watches(fd_, stay_);
}

bool stream::quiet() const {
  char byte = 0;
  const auto n = ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n < 0 && (errno == EAGAIN || errno == EINTR);
}

void stream::move_to(worker& to) {
  if (at_ == &to) return;
  if (std::exchange(stay_, 0) != 0) at_->sockets().leave(fd_);
  at_ = &to;
}

void stream::close() {
  if (fd_ < 0) return;
  if (tls_) {
    tls_->tell = nullptr;
    hang_up_tls({});
    tls_->gone.store(true, std::memory_order_release);
    tls_ = nullptr;
  }
  if (stay_ != 0) at_->sockets().forget(fd_, stay_);
  ::close(fd_);
  fd_ = -1;
  stay_ = 0;
  waiting_ = false;
}

void stream::hang_up(std::string_view last_words) {
  if (!is_open()) return;
  if (tls_) {
    hang_up_tls(last_words);
  } else if (!backlog()) {
    ::send(fd_, last_words.data(), last_words.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  ::shutdown(fd_, SHUT_WR);
}

bool stream::discard() {
  char waste[4096];
  for (int i = 0; i < 16; ++i) {
    const auto n = ::recv(fd_, waste, sizeof waste, MSG_DONTWAIT);
    if (n <= 0) return n < 0 && (errno == EAGAIN || errno == EINTR);
  }
  return true;
}

asio::awaitable<void> stream::discard_all() {
  while (discard()) {
    const auto [failed] = co_await wait_once(readiness::readable, asio::as_tuple(asio::use_awaitable));
    if (failed) break;
  }
}

void stream::close_with(std::string_view last_words) {
  if (!is_open()) return;
  stop_waiting();
  gather out;
  out.copy(last_words);
  if (write(out)) return close();
  if (tls_) hang_up_tls({});
  auto& on = *at_;
  asio::co_spawn(on.get_executor(), linger(std::move(*this)), asio::detached);
}

asio::awaitable<void> stream::linger(stream io) {
  deadline limit([](void* s) { static_cast<stream*>(s)->cancel_wait(); }, &io);
  limit.set(io.at().deadlines(), steady::now() + linger_time);
  bool well = true;
  while (well && io.backlog()) {
    const auto [failed] = co_await io.wait_once(readiness::writable, asio::as_tuple(asio::use_awaitable));
    well = !failed && !io.flush();
  }
  if (well) {
    ::shutdown(io.fd_, SHUT_WR);
    co_await io.discard_all();
  }
  limit.clear();
  io.close();
}

std::string socket_address::text() const {
  if (host == "unix") return host;
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

namespace {

socket_address to_address(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return {text, ntohs(v4.sin_port)};
  }
  if (storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return {text, ntohs(v6.sin6_port)};
  }
  return {"unix", 0};
}

}  // namespace

socket_address peer_address(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  ::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size);
  return to_address(storage);
}

socket_address local_address(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
  return to_address(storage);
}

void tune(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

}  // namespace forebay
