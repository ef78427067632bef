#include "net/worker.hpp"

#include <pthread.h>

#include <algorithm>
#include <exception>
#include <iterator>
#include <string>

#include "core/log.hpp"

namespace forebay {
namespace {

thread_local const worker* this_worker = nullptr;

// What the shell's limits give to a thread may be too little for the parser of SQL (routing/classifier).
void give_threads_room() {
  constexpr std::size_t stack = 8 * 1024 * 1024;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return;
  if (pthread_attr_setstacksize(&attributes, stack) == 0) pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
}

}  // namespace

worker::worker(unsigned index) : index_(index), scratch_(new char[scratch_size]) {}

worker::~worker() {
  stop();
  join();
  // Coroutines end where they wait. What they hold may post again, which is dropped as well.
  sockets_.abandon();
  running_.clear();
  own_.clear();
  timed_.clear();
  while (!posted_.empty())
    std::exchange(posted_, {}).clear();
  shutdown();
  destroy();
}

void worker::start() {
  give_threads_room();
  thread_ = std::thread([this] {
    const auto name = "worker-" + std::to_string(index_);
    pthread_setname_np(pthread_self(), name.c_str());
    this_worker = this;
    while (!stopping_) {
      try {
        run();
      } catch (const std::exception& e) {
        // A bug ends what it happened in, never the process: the handler that threw is gone, the loop goes on.
        log_error("worker_exception", {{"worker", index_}, {"what", e.what()}});
      }
    }
  });
}

void worker::run() {
  take_posted();  // a handler that threw may have kept us from it
  while (!stopping_) {
    run_jobs();
    if (sockets_.run_once(own_.empty() ? deadlines_.patience(steady::now()) : 0)) take_posted();
    update_now();
    deadlines_.run_due();
  }
}

void worker::run_posted() {
  this_worker = this;
  take_posted();
  while (!own_.empty())
    run_jobs();
  this_worker = nullptr;
}

void worker::take_posted() {
  const std::lock_guard lock(mutex_);
  std::move(posted_.begin(), posted_.end(), std::back_inserter(own_));
  posted_.clear();
}

// What these post in turn comes after the next look at the sockets.
void worker::run_jobs() {
  if (next_ == running_.size()) {
    running_.clear();
    next_ = 0;
    running_.swap(own_);
  }
  while (next_ < running_.size() && !stopping_) {
    const auto next = std::move(running_[next_++]);
    next->run();
  }
}

void worker::push_timed(steady::time_point at, std::unique_ptr<job> what) {
  auto& added = timed_.emplace_back(std::move(what), *this);
  added.self = std::prev(timed_.end());
  added.when.set(deadlines_, at);
}

void worker::timed_job::run_due(void* self) {
  auto& mine = *static_cast<timed_job*>(self);
  const auto what = std::move(mine.what);
  mine.home.timed_.erase(mine.self);
  what->run();
}

void worker::push(std::unique_ptr<job> what) {
  if (this_worker == this) {
    own_.push_back(std::move(what));
    return;
  }
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(what));
  }
  if (first) sockets_.wake();
}

void worker::stop() {
  stopping_ = true;
  sockets_.wake();
}

void worker::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace forebay
