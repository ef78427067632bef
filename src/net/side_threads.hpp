#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

// A few threads for what would keep a worker's other clients waiting: the costly steps of TLS handshakes. What they run
// posts its outcome to the worker it came from. Any thread may call any function.
namespace forebay {

class side_threads {
 public:
  struct job {
    virtual ~job() = default;
    virtual void run() = 0;
  };

  explicit side_threads(unsigned count) : count_(count) {}
  ~side_threads() { stop(); }
  side_threads(const side_threads&) = delete;
  side_threads& operator=(const side_threads&) = delete;

  // Those to servers go first: they are few, and the clients that are in already wait for them.
  enum class line : std::uint8_t { to_server, of_client };
  // The first one starts the threads. False: it is dropped, as too many wait in that line, or all has ended.
  [[nodiscard]] bool post(std::unique_ptr<job> what, line in);
  // What has not begun is dropped.
  void stop();

 private:
  static constexpr std::size_t most_waiting = 4096;

  void run();
  std::unique_ptr<job> take();  // null: none

  const unsigned count_;
  std::mutex mutex_;
  std::condition_variable news_;
  std::array<std::deque<std::unique_ptr<job>>, 2> lines_;
  bool stopping_ = false;
  bool overloaded_ = false;  // said already
  std::vector<std::thread> threads_;
};

}  // namespace forebay
