#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/asio.hpp"
#include "net/stream.hpp"

// Accepts clients on the control thread and hands each to the least loaded worker, for life.
// Several addresses, TCP and Unix; close() refuses new clients and leaves those there alone.
namespace forebay {

class listener {
 public:
  // Called on the worker's own thread.
  using on_client = std::function<void(worker&, stream)>;

  listener(asio::io_context& control, std::vector<worker*> workers, on_client handler);
  ~listener();

  // Errors: the system's; the caller knows the address.
  error_code open_tcp(const std::string& host, std::uint16_t port);  // host "*": all interfaces
  error_code open_unix(const std::string& folder, std::uint16_t port);
  void close();

 private:
  struct door;
  error_code open(asio::generic::stream_protocol::endpoint where, int family, std::string path);
  void wait(const std::shared_ptr<door>& d);
  void accept_all(const std::shared_ptr<door>& d);
  worker& least_loaded();

  asio::io_context& control_;
  std::vector<worker*> workers_;
  on_client handler_;
  std::vector<std::shared_ptr<door>> doors_;
  std::size_t next_ = 0;
};

}  // namespace forebay
