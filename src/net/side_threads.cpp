#include "net/side_threads.hpp"

#include <pthread.h>

#include <exception>
#include <utility>

#include "core/log.hpp"

namespace forebay {

void side_threads::post(std::unique_ptr<job> what) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    while (threads_.size() < count_)
      threads_.emplace_back([this] { run(); });
    jobs_.push_back(std::move(what));
  }
  news_.notify_one();
}

void side_threads::stop() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    threads = std::exchange(threads_, {});
  }
  news_.notify_all();
  for (auto& t : threads)
    t.join();
  jobs_.clear();
}

void side_threads::run() {
  pthread_setname_np(pthread_self(), "tls");
  while (true) {
    std::unique_ptr<job> next;
    {
      std::unique_lock lock(mutex_);
      news_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      next = std::move(jobs_.front());
      jobs_.pop_front();
    }
    try {
      next->run();
    } catch (const std::exception& e) {
      log_error("side_thread_exception", {{"what", e.what()}});
    }
  }
}

}  // namespace forebay
