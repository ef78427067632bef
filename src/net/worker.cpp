#include "net/worker.hpp"

#include <pthread.h>

#include <exception>
#include <string>

#include "core/log.hpp"

namespace forebay {

worker::worker(unsigned index)
    : index_(index), work_(context_.get_executor()), deadlines_(context_), scratch_(new char[scratch_size]) {}

worker::~worker() {
  stop();
  join();
}

void worker::start() {
  thread_ = std::thread([this] {
    const auto name = "worker-" + std::to_string(index_);
    pthread_setname_np(pthread_self(), name.c_str());
    while (true) {
      try {
        context_.run();
        return;
      } catch (const std::exception& e) {
        // A bug ends what it happened in, never the process: the handler that threw is gone, the loop goes on.
        log_error("worker_exception", {{"worker", index_}, {"what", e.what()}});
      }
    }
  });
}

void worker::stop() {
  context_.stop();
}

void worker::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace forebay
