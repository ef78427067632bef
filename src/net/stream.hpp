#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "net/asio.hpp"
#include "net/gather.hpp"
#include "net/worker.hpp"

// A connection's bytes: a non-blocking socket (TCP or Unix), secured by TLS or not, with what was read but not used yet
// and what was written but not taken yet. Reading and writing are plain calls that never block; wait() says when they
// are worth it. Lives on the worker that owns it; an idle one (nothing waited for) may be moved to another worker.
namespace forebay {

class tls_context;
class tls_engine;

using endpoint = asio::generic::stream_protocol::endpoint;

struct read_result {
  std::string_view data;  // what was kept, then what is new; in the worker's scratch memory, see read()
  std::size_t fresh = 0;  // how many bytes of it are new
  error_code ec;          // eof, or what the system said; would_block is not an error here
  bool full = false;      // the read filled its space: more may be waiting
};

class stream {
 public:
  // Takes the socket over.
  stream(worker& at, int fd);
  // Begins to connect; when the stream is writable, connected() tells how it went. Not open: `ec` says why.
  stream(worker& at, const endpoint& to, error_code& ec);
  stream(stream&& other) noexcept;  // of an idle one
  stream& operator=(stream&&) = delete;
  ~stream();

  error_code connected() const;

  // From here on it is TLS what crosses the network: as `with` says the server of it, or the client who wants to talk
  // to `peer` (a name or an address). Goes on with each read(), which brings nothing until the handshake is done; tls()
  // is there from then on. `received` has been read already, and is the handshake's first part. docs/adr/0017.
  // An error is one that the next read() brings as well. Throws when it cannot even begin: then nothing is secured.
  error_code begin_tls(std::shared_ptr<const tls_context> with, const std::string& peer = {},
                       std::string_view received = {});
  const tls_engine* tls() const;

  // Reads once. A message that is not complete yet is to be given back by keep() and comes again in front of the next.
  read_result read();
  // The same for an idle stream, any thread: into this memory, without what is kept. `full`: it has not room for all.
  read_result read_into(std::span<char> space);
  void keep(std::string_view rest);
  std::string take_kept() { return std::exchange(kept_, {}); }
  std::string_view kept() const { return kept_; }

  // Writes what the kernel takes now; the rest is copied and backlog() is true until flush() has written it.
  // Clears the gather. The backlog is bounded by what one read brings: do not read for this stream while it stands.
  error_code write(gather& out);
  error_code flush();
  bool backlog() const { return backlog_at_ < backlog_.size(); }
  std::size_t backlog_size() const { return backlog_.size() - backlog_at_; }

  // `tell` is called with `owner` each time the socket is ready for one of these, on the worker's thread, until another
  // call waits for something else.
  void wait(readiness what, poller::handler tell, void* owner);
  void stop_waiting();

  // For coroutines: one wait. The handler takes an error_code: none, operation_aborted after cancel_wait(), or why the
  // kernel does not watch the socket.
  template <class Token>
  auto wait_once(readiness what, Token&& token) {
    return asio::async_initiate<Token, void(error_code)>(
        [](auto handler, stream* s, readiness for_what) {
          using waiting = single_wait<decltype(handler)>;
          auto pending = std::make_unique<waiting>(*s, std::move(handler));
          try {
            s->wait(for_what, &waiting::tell, pending.get());
            static_cast<void>(pending.release());
          } catch (const std::system_error& e) {
            s->at().post([h = std::move(pending->handler), ec = error_code(e.code())]() mutable { std::move(h)(ec); });
          }
        },
        token, this, what);
  }
  void cancel_wait();

  // For an idle stream, on its worker's thread: its poller watches it and has seen nothing. False says nothing.
  bool watched_quiet() const;
  // For an idle stream, any thread: nothing to read and not closed by the other side.
  bool quiet() const;
  // For an idle stream only: leaves its worker's poller; `to` watches it from the next wait on.
  void move_to(worker& to);

  void close();
  bool is_open() const { return fd_ >= 0; }
  int native() const { return fd_; }
  worker& at() const { return *at_; }
  // Best effort: sends these bytes if the kernel takes them at once, and that nothing will follow.
  void hang_up(std::string_view last_words);
  // Reads and forgets. False: the other side has closed too.
  bool discard();
  // The same until then, or until cancel_wait().
  asio::awaitable<void> discard_all();
  // Closes it once the other side has taken what it has not read yet, and these bytes; it has a moment for that. What
  // it still sends is read and forgotten: left unread, it would turn the close into a reset, which loses what is under
  // way.
  void close_with(std::string_view last_words);

  struct secured;

 private:
  read_result receive(std::span<char> space);
  read_result receive_tls(std::span<char> space);
  bool advance_tls(std::string_view cipher, std::span<char> plain, read_result* into = nullptr);
  error_code send_cipher();
  error_code write_tls(gather& out);
  void hang_up_tls(std::string_view last_words);
  void wait_while_busy(readiness what, poller::handler tell, void* owner);
  bool is_busy() const;  // a side thread has it
  static asio::awaitable<void> linger(stream io);

  // Owned by the poller's entry until it is told.
  template <class Handler>
  struct single_wait {
    single_wait(stream& s, Handler h) : io(&s), handler(std::move(h)) {}
    stream* io;
    Handler handler;
    static void tell(void* self, readiness what) {
      const std::unique_ptr<single_wait> me(static_cast<single_wait*>(self));
      if (what == readiness::abandoned) return;
      me->io->stop_waiting();
      auto handler = std::move(me->handler);
      std::move(handler)(what == readiness::none ? error_code(asio::error::operation_aborted) : error_code());
    }
  };

  worker* at_;
  int fd_;
  poller::ticket stay_ = 0;
  bool waiting_ = false;
  std::shared_ptr<secured> tls_;  // null: not secured
  std::string kept_;
  std::string backlog_;
  std::size_t backlog_at_ = 0;
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
