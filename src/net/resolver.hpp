#pragma once

#include <map>
#include <string>
#include <vector>

#include "net/stream.hpp"

// Names to addresses without ever blocking a worker: look-ups run on the control thread's resolver, one after the
// other. When a look-up fails or takes too long, the last good answer is used, so a moment without DNS costs nothing.
// Call resolve() from any worker's coroutine.
namespace forebay {

struct resolved {
  std::vector<endpoint> endpoints;
  error_code ec;  // set only when there is nothing to try
};

class resolver {
 public:
  explicit resolver(asio::io_context& control) : control_(control), lookup_(control) {}

  // A numeric address and the folder of a Unix socket ("/run/postgresql") are answered at once.
  asio::awaitable<resolved> resolve(std::string host, std::uint16_t port, steady::time_point give_up);

 private:
  // On the control thread.
  asio::awaitable<resolved> look_up(std::string host, std::uint16_t port, steady::time_point give_up);

  asio::io_context& control_;
  asio::ip::tcp::resolver lookup_;
  std::map<std::string, std::vector<asio::ip::address>> last_good_;  // control thread only
};

}  // namespace forebay
