#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cache/redis_client.hpp"
#include "cache/result_cache.hpp"

// Tells sisters what this process has written, and hears what they have, through Redis; on one worker. What is told
// goes to those who listen (PUBLISH), and is kept for those who come later (a hash for each day). Whoever begins to
// listen, or has missed something, reads the hash first.
namespace forebay {

class sister_link : public std::enable_shared_from_this<sister_link> {
 public:
  // `apply`: what sisters have written, for what is kept in this process.
  sister_link(worker& on, resolver& names, std::shared_ptr<redis_client> redis, result_cache& cache,
              sister_book::applier apply);
  void start();
  void stop();

 private:
  // What is told next, when the last was taken.
  void tell();
  void tell_again_later();
  void tell_all();
  void listen_to(const config::address& at);
  void on_message(redis_reply& message);
  void complain(const redis_link::replies& got);
  void want_to_learn();
  void learn_later();
  void learn();
  void on_learned(redis_link::outcome how, redis_link::replies& got);
  void keep_listening();

  worker& on_;
  resolver& names_;
  const std::shared_ptr<redis_client> redis_;
  result_cache& cache_;
  const sister_book::applier apply_;
  std::shared_ptr<redis_link> ear_;
  std::size_t host_ = 0;  // where it listens, of those that are configured
  bool telling_ = false, again_ = false;
  std::string complaint_;  // in the log already
  bool wanted_ = false, learns_later_ = false;
  unsigned learning_ = 0;                  // answers to come
  std::vector<redis_reply> learned_days_;  // those that came
  steady::time_point learned_{}, heard_{};
  bool stopped_ = false;
};

}  // namespace forebay
