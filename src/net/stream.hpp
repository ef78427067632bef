#pragma once

#include <array>
#include <functional>
#include <memory>
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

  // Handlers take an error_code: operation_aborted, or none; what is wrong with the socket read() will say. At most one
  // of each kind may be pending.
  //
  // To wait is to receive the first bytes: Asio arms epoll anew for each wait proper, but not for a receive behind one
  // that took all there was. The bytes lie outside of the stream, as the handler may come after it has gone or moved.
  template <class Token>
  auto wait_readable(Token&& token) {
    return asio::async_initiate<Token, void(error_code)>(
        [](auto handler, socket& from, std::shared_ptr<head> to) {
          auto* const space = to->bytes.data();
          from.async_receive(asio::buffer(space, head_size),
                             [to = std::move(to), handler = std::move(handler)](error_code ec, std::size_t n) mutable {
                               if (ec != asio::error::operation_aborted) {
                                 to->size = n;
                                 to->ec = ec;
                                 ec = {};
                               }
                               std::move(handler)(ec);
                             });
        },
        token, std::ref(socket_), head_);
  }
  template <class Handler>
  auto wait_writable(Handler&& handler) {
    return socket_.async_wait(socket::wait_write, std::forward<Handler>(handler));
  }
  // Pending waits end with operation_aborted.
  void cancel_waits();

  // For an idle stream: nothing to read and not closed by the other side.
  bool quiet() const;
  // A wait has received something that was not read.
  bool has_head() const { return head_->size != 0 || head_->ec; }
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
  static constexpr std::size_t head_size = 512;  // most requests, and replies to them, in one system call
  struct head {
    std::array<char, head_size> bytes;
    std::size_t size = 0;  // received by a wait and not read yet
    error_code ec;
  };

  socket socket_;
  std::shared_ptr<head> head_ = std::make_shared<head>();
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
