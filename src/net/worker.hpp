#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "net/asio.hpp"
#include "net/deadline.hpp"
#include "net/poller.hpp"
#include "protocol/wire/framer.hpp"

// One thread that waits for its sockets, its deadlines and what other threads post to it. A client lives on one worker
// for life; a server connection lives on the worker of its current user. Other threads reach a worker only by post(),
// and take an idle connection of it by stream::move_to().
//
// It is an Asio executor's context as well, so that what takes many steps (logging in to a server) can be a coroutine.
// It has no Asio sockets: those cost a system call more for each message (docs/adr/0007).
namespace forebay {

class side_threads;

class worker : public asio::execution_context {
 public:
  // What one read may take. Behind it there is room for what was kept of the read before, see stream::read().
  static constexpr std::size_t read_size = 64 * 1024;

  explicit worker(unsigned index);
  ~worker();

  unsigned index() const { return index_; }
  poller& sockets() { return sockets_; }
  deadline_queue& deadlines() { return deadlines_; }

  void start();
  // Instead of start(), by tests: runs what is posted on the caller's thread, and what that posts.
  void run_posted();
  // Ends the thread after the handler it is in; what is still posted or waited for is dropped with the worker.
  void stop();
  void join();

  // Runs it on the worker's thread, after what the same thread posted before, never within this call. Any thread.
  template <class Function>
  void post(Function&& function) {
    push(std::make_unique<job_of<std::decay_t<Function>>>(std::forward<Function>(function)));
  }

  // Runs it when the time has come. On the worker's thread only.
  template <class Function>
  void post_at(steady::time_point at, Function&& function) {
    push_timed(at, std::make_unique<job_of<std::decay_t<Function>>>(std::forward<Function>(function)));
  }

  class executor;
  executor get_executor();

  // All connections of this worker read into the same memory, so an idle one holds no buffer. What a read returned
  // is valid until the next read on this worker.
  std::span<char> scratch() { return {scratch_.get(), scratch_size}; }

  // Time as of the event being handled: one clock reading per event.
  steady::time_point now() const { return now_; }
  void update_now() { now_ = steady::now(); }

  side_threads* side = nullptr;  // set before start(); null: everything is done here

  std::atomic<std::uint32_t> clients{0};  // by which the listener finds the least loaded worker

 private:
  static constexpr std::size_t most_decrypted_besides = 17 * 1024;  // tls_engine::most_held
  static constexpr std::size_t scratch_size = read_size + wire::framer::whole_limit + 64 + most_decrypted_besides;

  struct job {
    virtual ~job() = default;
    virtual void run() = 0;
  };
  template <class Function>
  struct job_of final : job {
    explicit job_of(Function f) : function(std::move(f)) {}
    void run() override { std::move(function)(); }
    Function function;
  };
  struct timed_job {
    timed_job(std::unique_ptr<job> w, worker& h) : what(std::move(w)), home(h) {}
    static void run_due(void* self);
    std::unique_ptr<job> what;
    worker& home;
    deadline when{&timed_job::run_due, this};
    std::list<timed_job>::iterator self;
  };
  void push(std::unique_ptr<job> what);
  void push_timed(steady::time_point at, std::unique_ptr<job> what);
  void run();
  void take_posted();
  void run_jobs();

  unsigned index_;
  poller sockets_;
  deadline_queue deadlines_;
  std::unique_ptr<char[]> scratch_;
  steady::time_point now_ = steady::now();

  std::vector<std::unique_ptr<job>> own_;      // to be run next
  std::vector<std::unique_ptr<job>> running_;  // from next_ on
  std::size_t next_ = 0;
  std::list<timed_job> timed_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<job>> posted_;  // by other threads, which wake this one for the first
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

// As Asio wants it: execute() is post().
class worker::executor {
 public:
  explicit executor(worker& w) : worker_(&w) {}
  asio::execution_context& query(asio::execution::context_t) const noexcept { return *worker_; }
  static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept {
    return asio::execution::blocking.never;
  }
  template <class Function>
  void execute(Function&& function) const {
    worker_->post(std::forward<Function>(function));
  }
  friend bool operator==(const executor& a, const executor& b) noexcept { return a.worker_ == b.worker_; }
  friend bool operator!=(const executor& a, const executor& b) noexcept { return !(a == b); }

 private:
  worker* worker_;
};

inline worker::executor worker::get_executor() {
  return executor(*this);
}

}  // namespace forebay
