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

asio::awaitable<error_code> shake_hands(stream& io, std::shared_ptr<const tls_context> with, std::string peer) {
  if (const auto failed = io.begin_tls(std::move(with), peer)) co_return failed;
  while (!io.tls()) {
    const auto [failed] = co_await io.wait_once(readiness::readable, asio::as_tuple(asio::use_awaitable));
    if (failed) co_return failed;
    const auto step = io.read();
    if (step.ec) co_return step.ec;
    if (step.fresh > 0) co_return asio::error::invalid_argument;  // it speaks before it is asked: nobody would hear it
  }
  co_return error_code();
}

}  // namespace forebay
