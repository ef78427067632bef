#include "admin/http_server.hpp"

#include <array>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "core/log.hpp"

namespace forebay::admin {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using namespace std::chrono_literals;
using executor = asio::io_context::executor_type;
using stream = beast::basic_stream<asio::ip::tcp, executor>;
using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;
using parser = http::request_parser<http::empty_body>;
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

// Of "/path?query" and "http://host/path?query".
std::string_view path_of(std::string_view target) {
  if (!target.starts_with('/')) {
    const auto host = target.find("://");
    const auto path = host == target.npos ? host : target.find('/', host + 3);
    target = path == target.npos ? std::string_view("/") : target.substr(path);
  }
  return target.substr(0, target.find('?'));
}

}  // namespace

struct http_server::parts : std::enable_shared_from_this<parts> {
  parts(asio::io_context& c, http_pages p) : control(c), pages(std::move(p)), door(c.get_executor()) {}

  asio::io_context& control;
  const http_pages pages;
  acceptor door;
  std::set<stream*> open;
  std::set<std::pair<std::uint64_t, stream*>> idle;  // those that wait for a request, longest first
  std::uint64_t turn = 0;

  void run(asio::awaitable<void> what) {
    asio::co_spawn(control, std::move(what), [](const std::exception_ptr& failed) {
      try {
        if (failed) std::rethrow_exception(failed);
      } catch (const std::exception& e) {
        log_error("http_failed", {{"what", e.what()}});
      }
    });
  }

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
      } else if (open.size() < max_connections || make_room()) {
        run(serve(std::move(socket)));
      }
    }
  }

  // Whoever holds places without asking for anything cannot keep others from a look at /health.
  bool make_room() {
    if (idle.empty()) return false;
    idle.begin()->second->cancel();
    idle.erase(idle.begin());
    return true;
  }

  struct place {
    place(parts& p, stream& s) : all(p), own(s) { all.open.insert(&own); }
    ~place() { all.open.erase(&own); }
    place(const place&) = delete;
    place& operator=(const place&) = delete;

    parts& all;
    stream& own;
  };

  struct turn_of {
    turn_of(parts& p, stream& s) : all(p), own(++p.turn, &s) { all.idle.insert(own); }
    ~turn_of() { all.idle.erase(own); }  // make_room() may have done so
    turn_of(const turn_of&) = delete;
    turn_of& operator=(const turn_of&) = delete;

    parts& all;
    const std::pair<std::uint64_t, stream*> own;
  };

  asio::awaitable<void> serve(stream::socket_type socket) {
    const auto self = shared_from_this();
    stream client(std::move(socket));
    const place held(*this, client);
    beast::flat_buffer buffer;
    for (bool more = true; more;) {
      parser asked;
      asked.header_limit(max_header);
      const auto ec = co_await read(client, buffer, asked);
      if (ec && !is_malformed(ec)) co_return;
      auto out = ec == http::error::header_limit ? plain(431, "too large\n") : plain(400, "bad request\n");
      if (!ec) out = co_await answer(asked);
      more = !ec && asked.is_done() && asked.get().keep_alive();
      const auto failed = co_await write(client, out, more, !ec && asked.get().method() == http::verb::head);
      if (failed) co_return;
      if (!more && !asked.is_done()) co_await linger(client);
    }
  }

  asio::awaitable<error_code> read(stream& client, beast::flat_buffer& buffer, parser& asked) {
    const turn_of waits(*this, client);
    client.expires_after(idle_timeout);
    const auto [ec, size] = co_await http::async_read_header(client, buffer, asked, quietly);
    co_return ec;
  }

  // Of HEAD the header only.
  static asio::awaitable<error_code> write(stream& client, response& out, bool more, bool header_only) {
    out.keep_alive(more);
    if (out.result() != http::status::not_modified) out.prepare_payload();
    client.expires_after(answer_timeout);
    http::response_serializer<http::string_body> whole(out);
    error_code failed;
    if (header_only) {
      std::tie(failed, std::ignore) = co_await http::async_write_header(client, whole, quietly);
    } else {
      std::tie(failed, std::ignore) = co_await http::async_write(client, whole, quietly);
    }
    co_return failed;
  }

  // A connection that is closed with something unread is reset, which may take our last words with it.
  static asio::awaitable<void> linger(stream& client) {
    error_code ec;
    client.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ec);
    client.expires_after(1s);
    std::array<char, 4096> unread;
    while (!ec)
      std::tie(ec, std::ignore) = co_await client.async_read_some(asio::buffer(unread), quietly);
  }

  asio::awaitable<response> answer(const parser& parsed) {
    const auto& asked = parsed.get();
    if (asked.method() != http::verb::get && asked.method() != http::verb::head) {
      auto refused = plain(405, "GET or HEAD\n");
      refused.set(http::field::allow, "GET, HEAD");
      co_return refused;
    }
    if (!parsed.is_done()) co_return plain(400, "a request with a body\n");
    const auto found = pages.find(path_of(text_of(asked.target())));
    if (found == pages.end()) co_return plain(404, "no such page; / lists them\n");
    auto reply = make_http_reply(co_await made(found->second), text_of(asked[http::field::accept_encoding]),
                                 text_of(asked[http::field::if_none_match]));
    response out(static_cast<http::status>(reply.status), asked.version());
    if (reply.status != 304) out.set(http::field::content_type, reply.type);
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
    make([this, self = weak_from_this(), to = std::weak_ptr(coming)](http_page_writer write) {
      const auto alive = self.lock();
      if (!alive) return;
      asio::post(control, [to, write = std::move(write)] {
        const auto waiting = to.lock();
        if (!waiting) return;
        waiting->page = write();
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
  if (host == "*") return open("::", port) ? open("0.0.0.0", port) : error_code{};
  auto& door = parts_->door;
  error_code ec;
  door.close(ec);
  const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, ec);
  if (!ec) door.open(asio::ip::tcp::endpoint(address, port).protocol(), ec);
  if (!ec) door.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) door.bind({address, port}, ec);
  if (!ec) door.listen(asio::socket_base::max_listen_connections, ec);
  if (ec) return ec;
  parts_->run(parts_->accept());
  return {};
}

void http_server::close() {
  error_code ignored;
  parts_->door.close(ignored);
  for (auto* each : parts_->open)
    each->cancel();
}

}  // namespace forebay::admin
