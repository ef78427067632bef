#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <thread>

#include "net/asio.hpp"
#include "net/deadline.hpp"
#include "protocol/wire/framer.hpp"

// One thread with one io_context. A client lives on one worker for life; a server connection lives on the worker of
// its current user. Other threads reach a worker only through post().
namespace forebay {

class worker {
 public:
  // What one read may take. Behind it there is room for what was kept of the read before, see stream::read().
  static constexpr std::size_t read_size = 64 * 1024;

  explicit worker(unsigned index);
  ~worker();
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  unsigned index() const { return index_; }
  asio::io_context& context() { return context_; }
  deadline_queue& deadlines() { return deadlines_; }

  void start();
  // Ends the thread after the handler it is in; what is still posted or pending is dropped with the worker.
  void stop();
  void join();

  template <class Function>
  void post(Function&& function) {
    asio::post(context_, std::forward<Function>(function));
  }

  // All connections of this worker read into the same memory, so an idle one holds no buffer. What a read returned
  // is valid until the next read on this worker.
  std::span<char> scratch() { return {scratch_.get(), scratch_size}; }

  // Time as of the event being handled: one clock reading per event.
  steady::time_point now() const { return now_; }
  void update_now() { now_ = steady::now(); }

  std::atomic<std::uint32_t> clients{0};  // by which the listener finds the least loaded worker

 private:
  static constexpr std::size_t scratch_size = read_size + wire::framer::whole_limit + 64;

  unsigned index_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;  // an idle worker waits for work
  deadline_queue deadlines_;
  std::unique_ptr<char[]> scratch_;
  steady::time_point now_ = steady::now();
  std::thread thread_;
};

}  // namespace forebay
