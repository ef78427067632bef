#pragma once

#include <condition_variable>
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

  void post(std::unique_ptr<job> what);  // the first one starts the threads
  // What has not begun is dropped.
  void stop();

 private:
  void run();

  const unsigned count_;
  std::mutex mutex_;
  std::condition_variable news_;
  std::deque<std::unique_ptr<job>> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace forebay
