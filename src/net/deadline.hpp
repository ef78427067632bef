#pragma once

#include <boost/intrusive/set.hpp>

#include <chrono>

#include "net/asio.hpp"

// Deadlines of one worker: many cheap ones behind one timer. Setting and clearing a deadline is a tree operation
// without a system call; the timer is armed only when the earliest one is earlier than what it is armed for, and
// an early wake-up costs nothing but itself. Lives on one worker, used on its thread only.
namespace forebay {

using steady = std::chrono::steady_clock;

class deadline_queue;

// Something that must happen at a time unless cleared before; a member of what it guards. Destroying it clears it.
class deadline : public boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  using action = void (*)(void* owner);

  deadline(action what, void* owner) : what_(what), owner_(owner) {}
  deadline(const deadline&) = delete;
  deadline& operator=(const deadline&) = delete;

  void set(deadline_queue& queue, steady::time_point at);  // replaces an earlier setting
  void clear() { unlink(); }
  bool is_set() const { return is_linked(); }
  steady::time_point at() const { return at_; }  // of a deadline that is set

  friend bool operator<(const deadline& a, const deadline& b) { return a.at_ < b.at_; }

 private:
  friend class deadline_queue;
  action what_;
  void* owner_;
  steady::time_point at_{};
};

class deadline_queue {
 public:
  explicit deadline_queue(asio::io_context& context) : timer_(context) {}

 private:
  friend class deadline;
  void arm(steady::time_point at);
  void on_timer();

  boost::intrusive::multiset<deadline, boost::intrusive::constant_time_size<false>> pending_;
  asio::steady_timer timer_;
  steady::time_point armed_for_ = steady::time_point::max();
};

}  // namespace forebay
