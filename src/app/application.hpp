#pragma once

#include <memory>
#include <string>
#include <vector>

#include "admin/console.hpp"
#include "app/options.hpp"

// The whole: builds the graph of parts, runs the control thread (signals, accepting, upkeep) and takes everything down
// in order. One per process; the thread that calls run() is the control thread.
namespace forebay {

class application {
 public:
  application(options wanted, config::settings settings);
  ~application();

  int run();  // the exit status

 private:
  struct parts;
  bool open_doors();
  void watch_signals();
  void keep_up();
  reload_result reload();
  void shut_down(bool at_once);
  void await_last_client();
  void stop();

  const options wanted_;
  std::unique_ptr<parts> parts_;
};

}  // namespace forebay
