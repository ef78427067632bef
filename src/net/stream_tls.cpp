#include "net/stream_tls.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <exception>

#include "core/log.hpp"
#include "net/side_threads.hpp"

namespace forebay {
namespace {

// One step of a handshake: run on a side thread, its outcome on the worker. Dropped anywhere on its way, it tells who
// waits that nothing will come.
struct handshake_step {
  handshake_step(std::shared_ptr<stream::secured> s, worker& w) : what(std::move(s)), home(&w) {}
  handshake_step(handshake_step&&) = default;
  ~handshake_step() {
    if (what) what->tell_waiting(readiness::abandoned);
  }
  void operator()() && {
    const auto done = std::move(what);
    done->busy = false;
    done->tell_waiting(readiness::readable);
  }

  std::shared_ptr<stream::secured> what;
  worker* home;
};

struct handshake_job final : side_threads::job {
  handshake_job(handshake_step s, std::string c) : step(std::move(s)), cipher(std::move(c)) {}
  void run() override {
    auto& s = *step.what;
    if (s.gone.load(std::memory_order_acquire)) return;
    // Whatever happens is told on the worker: who waits is not for this thread.
    try {
      s.ec = s.engine.shake_hands(cipher, s.out);
    } catch (const std::exception& e) {
      log_error("side_thread_exception", {{"what", e.what()}});
      s.ec = asio::error::no_memory;
    }
    auto& home = *step.home;
    home.post(std::move(step));
  }

  handshake_step step;
  std::string cipher;
};

// Of the calling thread, as is what they are used for: an idle connection has none of it.
thread_local std::string cipher_out, plain_out;
constexpr std::size_t kept_capacity = 256 * 1024;  // larger memory is given back

void give_back(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kept_capacity) std::string().swap(buffer);
}

std::span<char> cipher_space() {
  thread_local const std::unique_ptr<char[]> made(new char[worker::read_size]);
  return {made.get(), worker::read_size};
}

}  // namespace

error_code stream::begin_tls(std::shared_ptr<const tls_context> with, const std::string& peer,
                             std::string_view received) {
  const bool client = !with->is_server();
  auto known_as = client ? peer + ' ' + peer_address(fd_).text() : std::string();
  tls_ = std::make_shared<secured>(std::move(with), peer, std::move(known_as));
  cipher_out.clear();
  if (client) tls_->ec = tls_->engine.shake_hands({}, cipher_out);
  if (!received.empty()) advance_tls(received, {});
  const auto unsent = send_cipher();
  if (tls_->busy) return unsent;  // the rest is the side thread's
  if (!tls_->ec) tls_->ec = unsent;
  return tls_->ec;
}

const tls_engine* stream::tls() const {
  return tls_ && !tls_->busy && tls_->engine.established() ? &tls_->engine : nullptr;
}

// What the network brought, through the engine. False: a side thread goes on with it.
bool stream::advance_tls(std::string_view cipher, std::span<char> plain, read_result* into) {
  auto& s = *tls_;
  if (!s.engine.established() && s.engine.context().is_costly() && at_->side && !cipher.empty()) {
    s.busy = true;
    const auto line = s.engine.context().is_server() ? side_threads::line::of_client : side_threads::line::to_server;
    auto job = std::make_unique<handshake_job>(handshake_step(tls_, *at_), std::string(cipher));
    if (at_->side->post(std::move(job), line)) return false;
    s.busy = false;
    (into ? into->ec : s.ec) = asio::error::no_buffer_space;
    return true;
  }
  const auto made = s.engine.read(cipher, plain, cipher_out);
  if (into) {
    into->fresh = made.bytes;
    into->full = made.more;
    into->ec = made.ec;
  } else {
    s.ec = made.ec;
  }
  return true;
}

read_result stream::receive_tls(std::span<char> space) {
  read_result result;
  auto& s = *tls_;
  if (s.busy) return result;
  cipher_out.clear();
  cipher_out.swap(s.out);
  result.ec = std::exchange(s.ec, {});
  if (result.ec || s.engine.holds_input()) {
    if (!result.ec) advance_tls({}, space, &result);
    if (const auto unsent = send_cipher(); !result.ec) result.ec = unsent;
    return result;
  }
  const auto cipher = cipher_space();
  const auto room = std::min(cipher.size(), space.size() - std::min(tls_engine::most_held, space.size() / 2));
  const auto n = ::recv(fd_, cipher.data(), room, MSG_DONTWAIT);
  if (n > 0) {
    advance_tls({cipher.data(), static_cast<std::size_t>(n)}, space, &result);
    result.full = result.full || static_cast<std::size_t>(n) == room;
  } else if (n == 0) {
    result.ec = asio::error::eof;
  } else if (errno != EAGAIN && errno != EINTR) {
    result.ec = {errno, boost::system::system_category()};
  }
  if (const auto unsent = send_cipher(); !result.ec) result.ec = unsent;
  return result;
}

// Sends what the engine has made, behind what could not be sent before.
error_code stream::send_cipher() {
  std::size_t sent = 0;
  error_code failed;
  while (!backlog() && sent < cipher_out.size()) {
    const auto n = ::send(fd_, cipher_out.data() + sent, cipher_out.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) failed = {errno, boost::system::system_category()};
      break;
    }
    sent += static_cast<std::size_t>(n);
  }
  if (!failed) backlog_.append(cipher_out, sent);
  give_back(cipher_out);
  return failed;
}

error_code stream::write_tls(gather& out) {
  plain_out.clear();
  out.append_to(plain_out, 0);
  out.clear();
  cipher_out.clear();
  error_code failed;
  // Before it is secured nothing is said: neither in clear nor in the middle of a handshake.
  if (tls()) failed = tls_->engine.write(plain_out, cipher_out);
  give_back(plain_out);
  const auto unsent = send_cipher();
  return failed ? failed : unsent;
}

void stream::hang_up_tls(std::string_view last_words) {
  cipher_out.clear();
  if (tls()) {
    if (!last_words.empty()) tls_->engine.write(last_words, cipher_out);
    tls_->engine.say_goodbye(cipher_out);
  }
  send_cipher();
}

void stream::wait_while_busy(readiness what, poller::handler tell, void* owner) {
  tls_->tell = nullptr;
  if ((what & readiness::readable) != readiness::none) {
    tls_->tell = tell;
    tls_->owner = owner;
  }
}

}  // namespace forebay
