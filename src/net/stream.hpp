#pragma once

#include <string>
#include <string_view>

#include "net/asio.hpp"
#include "net/gather.hpp"
#include "net/worker.hpp"

// A connection's bytes: a non-blocking socket (TCP or Unix) with what was read but not used yet and what was written
// but not taken yet. Reading and writing are plain calls that never block; the two waits are the only asynchronous
// operations. Lives on the worker that owns it; an idle one (no wait pending) may be moved to another worker.
namespace forebay {

struct read_result {
  std::string_view data;  // what was kept, then what is new; in the worker's scratch memory
  std::size_t fresh = 0;  // how many bytes of it are new
  error_code ec;          // eof, or what the system said; would_block is not an error here
  bool full = false;      // the read filled its space: more may be waiting
};

class stream {
 public:
  using socket = asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>;

  explicit stream(socket s);
  stream(stream&&) = default;
  stream& operator=(stream&&) = delete;

  // Reads once. A message that is not complete yet is to be given back by keep() and comes again in front of the next.
  read_result read(worker& w);
  void keep(std::string_view rest);
  std::string take_kept() { return std::move(kept_); }
  std::size_t kept_size() const { return kept_.size(); }

  // Writes what the kernel takes now; the rest is copied and backlog() is true until flush() has written it.
  // Clears the gather. The backlog is bounded by what one read brings: do not read for this stream while it stands.
  error_code write(gather& out);
  error_code flush();
  bool backlog() const { return backlog_at_ < backlog_.size(); }
  std::size_t backlog_size() const { return backlog_.size() - backlog_at_; }

  // Handlers take an error_code. At most one of each kind may be pending.
  template <class Handler>
  auto wait_readable(Handler&& handler) {
    return socket_.async_wait(socket::wait_read, std::forward<Handler>(handler));
  }
  template <class Handler>
  auto wait_writable(Handler&& handler) {
    return socket_.async_wait(socket::wait_write, std::forward<Handler>(handler));
  }
  // Pending waits end with operation_aborted.
  void cancel_waits();

  // For an idle stream: nothing to read and not closed by the other side.
  bool quiet() const;
  // For an idle stream only: leaves its worker's reactor and joins that of `to`.
  error_code move_to(worker& to);

  void close();
  bool is_open() const { return socket_.is_open(); }
  int native() { return socket_.native_handle(); }
  socket& raw() { return socket_; }
  // Best effort: sends these bytes if the kernel takes them at once, and that nothing will follow.
  void hang_up(std::string_view last_words);
  // Reads and forgets. False: the other side has closed too.
  bool discard();
  void close_with(std::string_view last_words);
  std::uint64_t bytes_read() const { return bytes_read_; }
  std::uint64_t bytes_written() const { return bytes_written_; }

 private:
  socket socket_;
  std::string kept_;
  std::string backlog_;
  std::size_t backlog_at_ = 0;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t bytes_written_ = 0;
};

// "127.0.0.1:5432", "[::1]:5432" or "unix" for the address of a socket's other (peer) or this side.
struct socket_address {
  std::string host;  // "unix" for a Unix socket
  std::uint16_t port = 0;
  std::string text() const;
};
socket_address peer_address(int fd);
socket_address local_address(int fd);

// TCP_NODELAY and keep-alive; nothing for a Unix socket.
void tune(int fd);

}  // namespace forebay
