#include "net/resolver.hpp"

#include "core/log.hpp"

namespace forebay {

asio::awaitable<resolved> resolver::resolve(std::string host, std::uint16_t port) {
  resolved answer;
  if (host.starts_with('/')) {
    const auto path = host + "/.s.PGSQL." + std::to_string(port);
    if (path.size() >= sizeof(sockaddr_un{}.sun_path)) {
      answer.ec = asio::error::name_too_long;
    } else {
      answer.endpoints.emplace_back(asio::local::stream_protocol::endpoint(path));
    }
    co_return answer;
  }
  error_code not_numeric;
  const auto address = asio::ip::make_address(host, not_numeric);
  if (!not_numeric) {
    answer.endpoints.emplace_back(asio::ip::tcp::endpoint(address, port));
    co_return answer;
  }
  co_return co_await asio::co_spawn(control_, look_up(std::move(host), port), asio::use_awaitable);
}

asio::awaitable<resolved> resolver::look_up(std::string host, std::uint16_t port) {
  auto [ec, results] = co_await lookup_.async_resolve(host, std::to_string(port), asio::as_tuple(asio::use_awaitable));
  auto& known = last_good_[host];
  if (!ec) {
    known.clear();
    for (const auto& item : results)
      known.push_back(item.endpoint().address());
  } else {
    log_warning("resolve_failed", {{"host", host}, {"reason", ec.message()}, {"last_known", known.size()}});
  }
  resolved answer;
  for (const auto& address : known)
    answer.endpoints.emplace_back(asio::ip::tcp::endpoint(address, port));
  if (answer.endpoints.empty()) answer.ec = ec ? ec : error_code(asio::error::host_not_found);
  co_return answer;
}

}  // namespace forebay
