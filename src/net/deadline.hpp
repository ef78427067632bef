#pragma once

#include <boost/intrusive/set.hpp>

#include "core/clock.hpp"

// Deadlines of one worker, whose sleep ends with the earliest. Setting and clearing one is a tree operation without a
// system call. Lives on one worker, used on its thread only.
namespace forebay {

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
  // How long there is nothing to do, in milliseconds, rounded up; -1: for ever.
  int patience(steady::time_point now) const;
  void run_due();

 private:
  friend class deadline;
  boost::intrusive::multiset<deadline, boost::intrusive::constant_time_size<false>> pending_;
};

}  // namespace forebay
