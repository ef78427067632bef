#include "net/stream.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace forebay {
namespace {

constexpr std::size_t kept_capacity = 512;  // an idle connection gives larger buffers back

error_code system_error(int number) {
  return {number, boost::system::system_category()};
}

void release_if_large(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kept_capacity) std::string().swap(buffer);
}

}  // namespace

stream::stream(socket s) : socket_(std::move(s)) {
  error_code ignored;
  socket_.native_non_blocking(true, ignored);
}

read_result stream::read(worker& w) {
  read_result result;
  const auto space = w.scratch();
  const auto kept = std::min(kept_.size(), space.size());
  std::memcpy(space.data(), kept_.data(), kept);
  const auto room = std::min(worker::read_size, space.size() - kept);
  auto fresh = head_->size <= room ? std::exchange(head_->size, 0) : 0;
  std::memcpy(space.data() + kept, head_->bytes.data(), fresh);
  result.ec = head_->ec;
  if (!result.ec && head_->size == 0 && (fresh == 0 || fresh == head_size) && fresh < room) {
    const auto n = ::recv(socket_.native_handle(), space.data() + kept + fresh, room - fresh, MSG_DONTWAIT);
    if (n > 0) {
      fresh += static_cast<std::size_t>(n);
    } else if (n == 0) {
      result.ec = asio::error::eof;
    } else if (errno != EAGAIN && errno != EINTR) {
      result.ec = system_error(errno);
    }
  }
  bytes_read_ += fresh;
  kept_.clear();
  result.fresh = fresh;
  result.full = fresh == room;
  result.data = {space.data(), kept + fresh};
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
  std::size_t sent = 0;
  error_code failed;
  thread_local std::vector<iovec> pieces;
  while (!backlog() && sent < out.size()) {
    out.fill(pieces, sent);
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    const auto n = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) failed = system_error(errno);
      break;
    }
    sent += static_cast<std::size_t>(n);
  }
  bytes_written_ += sent;
  if (!failed && sent < out.size()) out.append_to(backlog_, sent);
  out.clear();
  return failed;
}

error_code stream::flush() {
  while (backlog()) {
    const auto n = ::send(socket_.native_handle(), backlog_.data() + backlog_at_, backlog_.size() - backlog_at_,
                          MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN ? error_code{} : system_error(errno);
    }
    backlog_at_ += static_cast<std::size_t>(n);
    bytes_written_ += static_cast<std::size_t>(n);
  }
  backlog_at_ = 0;
  release_if_large(backlog_);
  return {};
}

bool stream::quiet() const {
  if (has_head()) return false;
  char byte = 0;
  const auto n = ::recv(const_cast<socket&>(socket_).native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n < 0 && (errno == EAGAIN || errno == EINTR);
}

error_code stream::move_to(worker& to) {
  error_code ec;
  const auto endpoint_family = [&] {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    ::getsockname(socket_.native_handle(), reinterpret_cast<sockaddr*>(&storage), &size);
    return storage.ss_family;
  }();
  const int fd = socket_.release(ec);
  if (ec) return ec;
  socket moved(to.context().get_executor());
  moved.assign(asio::generic::stream_protocol(endpoint_family, 0), fd, ec);
  if (ec) {
    ::close(fd);
    return ec;
  }
  socket_ = std::move(moved);
  return {};
}

void stream::cancel_waits() {
  error_code ignored;
  socket_.cancel(ignored);
}

void stream::close() {
  error_code ignored;
  socket_.close(ignored);
}

void stream::hang_up(std::string_view last_words) {
  if (!socket_.is_open()) return;
  if (!backlog()) ::send(socket_.native_handle(), last_words.data(), last_words.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  ::shutdown(socket_.native_handle(), SHUT_WR);
}

bool stream::discard() {
  head_->size = 0;
  if (head_->ec) return false;
  char waste[4096];
  for (int i = 0; i < 16; ++i) {
    const auto n = ::recv(socket_.native_handle(), waste, sizeof waste, MSG_DONTWAIT);
    if (n <= 0) return n < 0 && (errno == EAGAIN || errno == EINTR);
  }
  return true;
}

void stream::close_with(std::string_view last_words) {
  if (!socket_.is_open()) return;
  hang_up(last_words);
  discard();  // unread input would turn our close into a reset, which may take the last words with it
  close();
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
