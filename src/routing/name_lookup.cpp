#include "routing/name_lookup.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <thread>

namespace forebay {

name_lookup::name_lookup(std::string host) : host_(std::move(host)), event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (event_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

name_lookup::~name_lookup() {
  close(event_);
}

bool name_lookup::is_needed(const std::string& host) {
  in6_addr any;
  return !host.starts_with('/') && inet_pton(AF_INET, host.c_str(), &any) != 1 &&
         inet_pton(AF_INET6, host.c_str(), &any) != 1;
}

std::shared_ptr<name_lookup> name_lookup::start(const std::string& host) {
  std::shared_ptr<name_lookup> made(new name_lookup(host));
  std::thread([made] { made->run(); }).detach();
  return made;
}

void name_lookup::run() {
  addrinfo wanted{}, *found = nullptr;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_ADDRCONFIG;
  const int failed = getaddrinfo(host_.c_str(), nullptr, &wanted, &found);
  for (const auto* each = found; each; each = each->ai_next) {
    char text[NI_MAXHOST] = "";
    if (getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) continue;
    addresses_ += (addresses_.empty() ? "" : ",") + std::string(text);
  }
  if (found) freeaddrinfo(found);
  if (addresses_.empty()) error_ = failed != 0 ? gai_strerror(failed) : "no address";
  ended_.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(event_, &one, sizeof one);
}

}  // namespace forebay
