#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/redis_codec.hpp"
#include "config/config.hpp"
#include "net/deadline.hpp"
#include "net/resolver.hpp"
#include "net/stream.hpp"

// One connection to one Redis server, on one worker, kept up: commands go out at once, one behind the other, and each
// has its own time for the answer. When the server is silent for some in a row it is not asked for a while, so that
// nobody waits for nothing; when it is gone it is dialled again, later each time.
namespace forebay {

class redis_link : public std::enable_shared_from_this<redis_link> {
 public:
  enum class outcome : std::uint8_t {
    answered,
    late,  // its time is over; answered or lost may still come
    lost,
  };
  using replies = std::vector<redis_reply>;
  using handler = std::function<void(outcome, replies&)>;

  redis_link(worker& on, resolver& names, config::address where, const config::redis_server& as,
             std::size_t largest_reply);
  void start();
  void stop();
  void fail(const std::string& why);  // it is dialled again

  // Connected, and not slow lately: it may be asked by somebody who waits.
  bool is_ready() const { return ready_ && on_.now() >= rest_until_; }
  const config::address& where() const { return where_; }
  const std::string& name() const { return name_; }
  // How long an answer takes, of late; zero: not known.
  std::chrono::microseconds usual_time() const;

  // False: not now. The handler is never called within this call. Nothing wanted: what comes is unasked.
  bool ask(std::string_view commands, std::size_t wanted, steady::time_point until, handler tell);

  std::function<void()> on_ready;                // each time it is connected
  std::function<void(redis_reply&)> on_unasked;  // of a subscription: every list

 private:
  struct question {
    std::size_t wanted;
    steady::time_point until, asked;
    handler tell;
    replies got{};
    bool late = false;
  };

  void lose_all();
  void measure(std::chrono::microseconds took);
  static asio::awaitable<void> dial(std::shared_ptr<redis_link> self);
  void greet(std::optional<stream> io);
  void dial_later();
  void on_socket(readiness what);
  void read();
  void take(redis_reply reply);
  void await();
  void on_time();
  void arm(steady::time_point at);

  worker& on_;
  resolver& names_;
  const config::address where_;
  const std::string name_, user_, password_;
  const std::uint32_t database_;
  const std::size_t largest_reply_;

  std::optional<stream> io_;
  std::optional<redis_reader> reader_;
  std::deque<question> asked_;
  bool ready_ = false, stopped_ = false;
  std::string complaint_;  // the last in the log
  steady::time_point complained_at_{}, slow_at_{}, connected_at_{};
  bool in_log_ = false;  // that it is gone
  std::uint32_t failures_ = 0;
  std::uint32_t late_in_a_row_ = 0, rests_ = 0;
  steady::time_point rest_until_{};
  std::chrono::microseconds usual_{0};
  steady::time_point measured_{};
  deadline due_{[](void* self) { static_cast<redis_link*>(self)->on_time(); }, this};
};

}  // namespace forebay
