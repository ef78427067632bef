#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "admin/http_reply.hpp"
#include "net/asio.hpp"

// The pages that are told over HTTP/1.1 (RFC 9112), on the control thread. GET and HEAD; nobody logs in, so nothing
// here may be a secret.
namespace forebay::admin {

using http_page_writer = std::function<http_page()>;  // called on the control thread
// Calls `done` once, on any thread, now or later.
using http_page_maker = std::function<void(std::function<void(http_page_writer)> done)>;
using http_pages = std::map<std::string, http_page_maker, std::less<>>;  // by path

class http_server {
 public:
  http_server(asio::io_context& control, http_pages pages);
  ~http_server();

  error_code open(const std::string& host, std::uint16_t port);  // host "*": all interfaces
  void close();                                                  // connections too

 private:
  struct parts;
  std::shared_ptr<parts> parts_;  // shared with the connections
};

}  // namespace forebay::admin
