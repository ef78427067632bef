#pragma once

#include <chrono>
#include <map>
#include <mutex>

#include "core/clock.hpp"
#include "core/ip.hpp"

// Slows down who tries passwords: from where many logins have failed, the next ones wait before they are looked at,
// right ones too; nobody is locked out. An IPv6 address counts with its /64, as one client has all of that. One for the
// process; any thread.
namespace forebay {

class login_damper {
 public:
  // How long a login from there waits, at most `most`; zero: not at all.
  std::chrono::milliseconds delay(const ip_address& from, steady::time_point now, std::chrono::milliseconds most);
  void failed(const ip_address& from, steady::time_point now);

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return known_.size();
  }

 private:
  static constexpr double free_failures = 10;  // typing errors, and a pool that is restarted with an old password
  static constexpr std::chrono::milliseconds first_delay{50};
  static constexpr std::chrono::seconds half_life{20};
  static constexpr std::size_t most_addresses = 20'000;

  struct record {
    double failures = 0;  // of the past, as of `at`
    steady::time_point at{};
  };
  static ip_address site_of(const ip_address& from);
  static double faded(const record& r, steady::time_point now);
  void make_room(steady::time_point now);

  mutable std::mutex mutex_;
  std::map<ip_address, record> known_;
};

}  // namespace forebay
