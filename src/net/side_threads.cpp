#include "net/side_threads.hpp"

#include <pthread.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "core/log.hpp"

namespace forebay {

bool side_threads::post(std::unique_ptr<job> what, line in) {
  bool first_refused = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    while (threads_.size() < count_)
      threads_.emplace_back([this] { run(); });
    auto& waiting = lines_[static_cast<std::size_t>(in)];
    if (waiting.size() < most_waiting) {
      waiting.push_back(std::move(what));
    } else {
      first_refused = !std::exchange(overloaded_, true);
    }
  }
  if (!what) news_.notify_one();
  if (first_refused) log_warning("handshakes_overloaded", {{"waiting", most_waiting}});
  return !what;
}

std::unique_ptr<side_threads::job> side_threads::take() {
  const auto line_of_next = std::ranges::find_if(lines_, [](const auto& each) { return !each.empty(); });
  if (line_of_next == lines_.end()) return nullptr;
  auto next = std::move(line_of_next->front());
  line_of_next->pop_front();
  if (line_of_next->empty()) overloaded_ = false;
  return next;
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
  for (auto& each : lines_)
    each.clear();
}

void side_threads::run() {
  pthread_setname_np(pthread_self(), "tls");
  while (true) {
    std::unique_ptr<job> next;
    {
      std::unique_lock lock(mutex_);
      news_.wait(lock, [&] { return stopping_ || (next = take()); });
      if (stopping_) return;
    }
    try {
      next->run();
    } catch (const std::exception& e) {
      log_error("side_thread_exception", {{"what", e.what()}});
    }
  }
}

}  // namespace forebay
