#include "net/poller.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <system_error>
#include <utility>

namespace forebay {
namespace {

constexpr std::uint64_t wake_mark = ~std::uint64_t{0};

std::pair<int, poller::ticket> parts(std::uint64_t mark) {
  return {static_cast<int>(mark & 0xffffffff), static_cast<poller::ticket>(mark >> 32)};
}

std::uint64_t mark(int fd, poller::ticket stay) {
  return std::uint64_t{stay} << 32 | static_cast<std::uint32_t>(fd);
}

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

bool has(readiness set, readiness one) {
  return (set & one) != readiness::none;
}

std::uint32_t epoll_events(readiness what) {
  return (has(what, readiness::readable) ? EPOLLIN : 0U) | (has(what, readiness::writable) ? EPOLLOUT : 0U);
}

// An error or a hang-up is for whoever waits, whatever for: the call it makes then says so.
readiness seen(std::uint32_t events) {
  auto what = readiness::none;
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) what = what | readiness::readable;
  if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) what = what | readiness::writable;
  return what;
}

}  // namespace

poller::poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  // Edge-triggered, so that each write to it is reported once and nobody has to read it.
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = wake_mark;
  if (epoll_ < 0 || wake_ < 0 || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0) fail("epoll");
}

poller::~poller() {
  ::close(wake_);
  ::close(epoll_);
}

const poller::entry* poller::find(int fd, ticket stay) const {
  const auto index = static_cast<std::size_t>(fd);
  return stay != 0 && index < entries_.size() && entries_[index].stay == stay ? &entries_[index] : nullptr;
}

void poller::wait(int fd, ticket& stay, readiness what, handler tell, void* owner) {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= entries_.size()) entries_.resize(index + 1 + index / 2);
  auto& e = entries_[index];
  if (stay == 0) {
    if (++last_ == 0) ++last_;
    e = {.stay = last_};
  }
  if ((what & e.in_kernel) != what) set_kernel(fd, what | e.in_kernel);
  e.wanted = what;
  e.tell = tell;
  e.owner = owner;
  stay = e.stay;
}

void poller::stop_waiting(int fd, ticket stay) {
  if (auto* e = find(fd, stay)) e->wanted = readiness::none;
}

void poller::cancel(int fd, ticket stay) {
  auto* e = find(fd, stay);
  if (!e || std::exchange(e->wanted, readiness::none) == readiness::none) return;
  e->tell(e->owner, readiness::none);
}

bool poller::watches(int fd, ticket stay) const {
  const auto* e = find(fd, stay);
  return e && has(e->in_kernel, readiness::readable);
}

void poller::forget(int fd, ticket stay) {
  if (auto* e = find(fd, stay)) *e = {};
}

void poller::leave(int fd) const {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

void poller::set_kernel(int fd, readiness what) {
  auto& e = entries_[static_cast<std::size_t>(fd)];
  epoll_event event{};
  event.events = epoll_events(what);
  event.data.u64 = mark(fd, e.stay);
  if (what == readiness::none) {
    // A socket that has just left for another worker is not there any more; that is as good.
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  } else if (::epoll_ctl(epoll_, e.in_kernel == readiness::none ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) != 0) {
    fail("epoll_ctl");
  }
  e.in_kernel = what;
}

bool poller::run_once(int timeout) {
  bool woken = false;
  std::array<epoll_event, 128> events;
  const int n = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout);
  const std::span<const epoll_event> batch(events.data(), static_cast<std::size_t>(std::max(n, 0)));
  // First what nobody waits for, so that an idle server whose end is in this batch is not handed out by what follows.
  for (const auto& event : batch) {
    woken = woken || event.data.u64 == wake_mark;
    const auto [fd, stay] = parts(event.data.u64);
    const auto* e = find(fd, stay);
    if (e && (seen(event.events) & e->wanted) == readiness::none) set_kernel(fd, e->wanted);
  }
  for (const auto& event : batch) {
    const auto [fd, stay] = parts(event.data.u64);
    for (const auto one : {readiness::writable, readiness::readable}) {
      const auto* e = find(fd, stay);  // again each time: who was told may have closed it
      if (e && has(seen(event.events) & e->wanted, one)) e->tell(e->owner, one);
    }
  }
  return woken;
}

void poller::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(wake_, &one, sizeof one);
}

void poller::abandon() {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const auto e = entries_[i];
    entries_[i].wanted = readiness::none;
    if (e.wanted != readiness::none) e.tell(e.owner, readiness::abandoned);
  }
}

}  // namespace forebay
