#pragma once

#include <functional>
#include <mutex>
#include <vector>

// One miss of a key that is under way: one session asks the server, others wait until that has ended, however it does,
// and look again. They are never given its bytes. Any thread.
namespace forebay {

class cache_flight {
 public:
  // `wake` is called once, on the thread of whoever ends the flight, with no lock held. False: it has ended already.
  bool wait(std::function<void()> wake);
  void end();
  bool ended() const;

 private:
  mutable std::mutex mutex_;
  bool ended_ = false;
  std::vector<std::function<void()>> waiting_;
};

}  // namespace forebay
