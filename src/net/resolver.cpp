#include "net/resolver.hpp"

#include "core/log.hpp"

namespace forebay {

asio::awaitable<resolved> resolver::resolve(std::string host, std::uint16_t port, steady::time_point give_up) {
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
  co_return co_await asio::co_spawn(control_, look_up(std::move(host), port, give_up), asio::use_awaitable);
}

asio::awaitable<resolved> resolver::look_up(std::string host, std::uint16_t port, steady::time_point give_up) {
  // A look-up under way cannot be stopped, only left: it ends when its name servers have all been given up.
  struct race {
    asio::steady_timer until;
    error_code ec = asio::error::timed_out;
    asio::ip::tcp::resolver::results_type results;
  };
  const auto shared = std::make_shared<race>(race{.until = asio::steady_timer(control_, give_up)});
  lookup_.async_resolve(host, std::to_string(port), [shared](error_code ec, auto results) {
    shared->ec = ec;
    shared->results = std::move(results);
    shared->until.cancel();
  });
  co_await shared->until.async_wait(asio::as_tuple(asio::use_awaitable));
  const auto ec = shared->ec;
  auto& known = last_good_[host];
  if (!ec) {
    known.clear();
    for (const auto& item : shared->results)
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
