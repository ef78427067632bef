#pragma once

#include <atomic>
#include <memory>
#include <string>

// Names to addresses without blocking the monitor: libpq asks getaddrinfo(3), which may take many seconds.
namespace forebay {

// One look-up, on a thread of its own that outlives whoever does not want to wait for it.
class name_lookup {
 public:
  static std::shared_ptr<name_lookup> start(const std::string& host);
  static bool is_needed(const std::string& host);  // not for numbers and the folders of Unix sockets
  ~name_lookup();
  name_lookup(const name_lookup&) = delete;
  name_lookup& operator=(const name_lookup&) = delete;

  int fd() const { return event_; }  // readable once it has ended
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  const std::string& host() const { return host_; }

  // Once it has ended.
  const std::string& addresses() const { return addresses_; }  // "10.0.0.1,::1"
  const std::string& error() const { return error_; }          // empty: there are some

 private:
  explicit name_lookup(std::string host);
  void run();

  const std::string host_;
  const int event_;
  std::string addresses_, error_;  // written before ended_ is
  std::atomic<bool> ended_{false};
};

}  // namespace forebay
