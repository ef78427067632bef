#include "admin/http_server.hpp"

#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>
#include <set>
#include <tuple>

#include "core/log.hpp"

namespace forebay::admin {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using namespace std::chrono_literals;
using executor = asio::io_context::executor_type;
using stream = beast::basic_stream<asio::ip::tcp, executor>;
using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;
using request = http::request<http::empty_body>;
using response = http::response<http::string_body>;

constexpr auto idle_timeout = 60s;    // between requests
constexpr auto answer_timeout = 10s;  // for a page to be made, and for it to be read
constexpr std::uint32_t max_header = 8 * 1024;
constexpr std::size_t max_connections = 64;
constexpr auto quietly = asio::as_tuple(asio::use_awaitable);

// Waited for by a connection; whoever makes the page may outlive it.
struct page_to_come {
  explicit page_to_come(executor on) : due(on) {}

  std::optional<http_page> page;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, executor> due;
};

std::string_view text_of(beast::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

struct http_server::parts : std::enable_shared_from_this<parts> {
  parts(asio::io_context& c, http_pages p) : control(c), pages(std::move(p)), door(c.get_executor()) {}

  asio::io_context& control;
  const http_pages pages;
  acceptor door;
  std::set<stream*> open;

  asio::awaitable<void> accept() {
    const auto self = shared_from_this();
    while (door.is_open()) {
      auto [ec, socket] = co_await door.async_accept(quietly);
      if (ec == asio::error::operation_aborted) co_return;
      if (ec) {  // out of file descriptors
        log_error("accept_failed", {{"address", "http"}, {"reason", ec.message()}});
        page_to_come pause(control.get_executor());
        pause.due.expires_after(100ms);
        co_await pause.due.async_wait(quietly);
      } else if (open.size() < max_connections) {
        asio::co_spawn(control, serve(std::move(socket)), asio::detached);
      }
    }
  }

  asio::awaitable<void> serve(stream::socket_type socket) {
    const auto self = shared_from_this();
    stream client(std::move(socket));
    open.insert(&client);
    beast::flat_buffer buffer;
    for (bool more = true; more;) {
      http::request_parser<http::empty_body> parser;
      parser.header_limit(max_header);
      client.expires_after(idle_timeout);
      const auto [ec, read] = co_await http::async_read(client, buffer, parser, quietly);
      if (ec && !is_malformed(ec)) break;
      auto out = plain(400, "bad request\n");
      if (!ec) out = co_await answer(parser.get());
      more = !ec && parser.get().keep_alive();
      out.keep_alive(more);
      out.prepare_payload();
      client.expires_after(answer_timeout);
      http::response_serializer<http::string_body> whole(out);
      const bool header_only = !ec && parser.get().method() == http::verb::head;
      error_code failed;
      if (header_only) {
        std::tie(failed, std::ignore) = co_await http::async_write_header(client, whole, quietly);
      } else {
        std::tie(failed, std::ignore) = co_await http::async_write(client, whole, quietly);
      }
      more = more && !failed;
    }
    error_code ignored;
    client.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    open.erase(&client);
  }

  asio::awaitable<response> answer(const request& asked) {
    if (asked.method() != http::verb::get && asked.method() != http::verb::head) {
      auto refused = plain(405, "GET or HEAD\n");
      refused.set(http::field::allow, "GET, HEAD");
      co_return refused;
    }
    const auto path = text_of(asked.target()).substr(0, text_of(asked.target()).find('?'));
    const auto found = pages.find(path);
    if (found == pages.end()) co_return plain(404, "no such page; / lists them\n");
    auto reply = make_http_reply(co_await made(found->second), text_of(asked[http::field::accept_encoding]),
                                 text_of(asked[http::field::if_none_match]));
    response out(static_cast<http::status>(reply.status), 11);
    out.set(http::field::content_type, reply.type);
    out.set(http::field::cache_control, "no-cache");
    out.set(http::field::vary, "Accept-Encoding");
    if (!reply.etag.empty()) out.set(http::field::etag, reply.etag);
    if (!reply.encoding.empty()) out.set(http::field::content_encoding, reply.encoding);
    out.body() = std::move(reply.body);
    co_return out;
  }

  asio::awaitable<http_page> made(const http_page_maker& make) {
    const auto coming = std::make_shared<page_to_come>(control.get_executor());
    coming->due.expires_after(answer_timeout);
    make([this, self = weak_from_this(), to = std::weak_ptr(coming)](http_page page) {
      const auto alive = self.lock();
      if (!alive) return;
      asio::post(control, [to, page = std::move(page)]() mutable {
        const auto waiting = to.lock();
        if (!waiting) return;
        waiting->page = std::move(page);
        waiting->due.cancel();
      });
    });
    co_await coming->due.async_wait(quietly);  // cancelled when it has come
    co_return coming->page ? std::move(*coming->page) : http_page{.status = 503, .body = "no answer in time\n"};
  }

  static response plain(unsigned status, const char* text) {
    response out(static_cast<http::status>(status), 11);
    out.set(http::field::content_type, "text/plain; charset=utf-8");
    out.body() = text;
    return out;
  }

  // The client has said what is no HTTP; not that it has gone, or says nothing.
  static bool is_malformed(const error_code& ec) {
    static const auto one = http::make_error_code(http::error::bad_method);
    return ec.category() == one.category() && ec != http::error::end_of_stream && ec != http::error::partial_message;
  }
};

http_server::http_server(asio::io_context& control, http_pages pages)
    : parts_(std::make_shared<parts>(control, std::move(pages))) {}

http_server::~http_server() {
  close();
}

error_code http_server::open(const std::string& host, std::uint16_t port) {
  auto& door = parts_->door;
  error_code ec;
  const auto address = asio::ip::make_address(host == "*" ? "::" : host == "localhost" ? "127.0.0.1" : host, ec);
  if (!ec) door.open(asio::ip::tcp::endpoint(address, port).protocol(), ec);
  if (ec == asio::error::address_family_not_supported && host == "*") return open("0.0.0.0", port);
  if (!ec) door.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) door.bind({address, port}, ec);
  if (!ec) door.listen(asio::socket_base::max_listen_connections, ec);
  if (ec) return ec;
  asio::co_spawn(parts_->control, parts_->accept(), asio::detached);
  return {};
}

void http_server::close() {
  error_code ignored;
  parts_->door.close(ignored);
  for (auto* each : parts_->open)
    each->cancel();
}

}  // namespace forebay::admin
