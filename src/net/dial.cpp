#include "net/dial.hpp"

#include <tuple>

namespace forebay {

asio::awaitable<error_code> connect_first(std::optional<stream>& io, const std::vector<endpoint>& addresses, worker& on,
                                          time_limit& limit) {
  error_code last = asio::error::host_not_found;
  for (const auto& address : addresses) {
    if (limit.expired) break;
    last = {};
    limit.io = &io.emplace(on, address, last);
    if (!last) std::tie(last) = co_await io->wait_once(readiness::writable, asio::as_tuple(asio::use_awaitable));
    if (!last) last = io->connected();
    if (!last) break;
  }
  co_return last;
}

}  // namespace forebay
