#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

// Which sockets of one worker are ready: epoll(7), level-triggered. Used on the worker's thread only, except for
// wake() and leave().
//
// A socket enters epoll when it is first waited for and stays until it is closed or leaves for another worker, so to
// begin and to end a wait costs no system call. When epoll reports only what nobody waits for, that is taken out of
// epoll.
namespace forebay {

enum class readiness : std::uint8_t {
  none = 0,
  readable = 1,  // also: closed by the other side, or failed; reading says which
  writable = 2,
  abandoned = 4,  // never waited for: the worker is gone, nothing will come any more
};
constexpr readiness operator|(readiness a, readiness b) {
  return static_cast<readiness>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr readiness operator&(readiness a, readiness b) {
  return static_cast<readiness>(static_cast<unsigned>(a) & static_cast<unsigned>(b));
}

class poller {
 public:
  // Told one thing at a time, each time epoll sees it, for as long as it is waited for.
  using handler = void (*)(void* owner, readiness what);
  // A socket's stay in this epoll; zero: it is not in it. A descriptor's number may be another socket's soon.
  using ticket = std::uint32_t;

  poller();
  ~poller();
  poller(const poller&) = delete;
  poller& operator=(const poller&) = delete;

  // Replaces what this socket waited for before. Throws std::system_error when the kernel has no room for one more.
  void wait(int fd, ticket& stay, readiness what, handler tell, void* owner);
  void stop_waiting(int fd, ticket stay);
  // As stop_waiting, and tells who waited: readiness::none.
  void cancel(int fd, ticket stay);
  // It is in epoll for reading, and epoll has not reported anything that nobody waited for.
  bool watches(int fd, ticket stay) const;
  // To be called before the socket is closed.
  void forget(int fd, ticket stay);
  // Any thread, for a socket that waits for nothing: it goes to another worker.
  void leave(int fd) const;

  // Sleeps until something is ready, wake() was called or the time is up (milliseconds; -1: never), and tells.
  // True: somebody called wake().
  bool run_once(int timeout);
  // Any thread: run_once() returns at once, now or the next time.
  void wake() const;
  // Tells all who wait that nothing will come any more.
  void abandon();

 private:
  struct entry {
    ticket stay = 0;
    readiness wanted = readiness::none;
    readiness in_kernel = readiness::none;  // what epoll reports
    handler tell = nullptr;
    void* owner = nullptr;
  };
  // Null: that socket is not here any more.
  const entry* find(int fd, ticket stay) const;
  entry* find(int fd, ticket stay) { return const_cast<entry*>(std::as_const(*this).find(fd, stay)); }
  void set_kernel(int fd, readiness what);

  int epoll_;
  int wake_;
  ticket last_ = 0;
  std::vector<entry> entries_;  // by descriptor
};

}  // namespace forebay
