#include <doctest/doctest.h>

#include "protocol/wire/extended.hpp"
#include "protocol/wire/notice.hpp"
#include "protocol/wire/query.hpp"
#include "protocol/wire/rows.hpp"
#include "protocol/wire/status.hpp"
#include "session/exchange.hpp"

// What is ours is said between two messages of the server, never within one that is still coming in.
using namespace forebay;

namespace {

class conversation {
 public:
  template <class... Message>
  void client(const Message&... messages) {
    const auto bytes = (std::string() + ... + wire::encode(messages));
    std::string_view in = bytes;
    while (!in.empty())
      REQUIRE_FALSE(exchange(client_, server_, to_server_, to_client_, sql_).request(**client_framer_.next(in)));
    collect();
  }
  template <class... Message>
  void server(const Message&... messages) {
    server_bytes((std::string() + ... + wire::encode(messages)));
  }
  void server_bytes(std::string_view in) {
    while (!in.empty()) {
      const auto p = **server_.framer.next(in);
      REQUIRE(exchange(client_, server_, to_server_, to_client_, sql_).reply(p) == exchange::progress::more);
    }
    collect();
  }

  std::string heard;  // by the client

 private:
  void collect() {
    to_client_.append_to(heard, 0);
    to_client_.clear();
    to_server_.clear();
  }

  client_state client_;
  server_state server_;
  classifier sql_;
  wire::framer client_framer_;
  gather to_server_, to_client_;
};

const wire::parse first{"s", "select 1"}, again{"t", "select 1"};
const wire::ready_for_query ready{'I'};

conversation prepared() {
  conversation c;
  c.client(first, wire::sync{});
  c.server(wire::parse_complete{}, ready);
  c.heard.clear();
  return c;
}

}  // namespace

TEST_CASE("exchange: a ParseComplete of ours waits for the end of a large RowDescription") {
  auto c = prepared();
  c.client(wire::describe{'S', "s"}, again, wire::sync{});
  const std::string name(20'000, 'x');
  const auto rows = wire::encode(wire::row_description{{{name}}});
  c.server(wire::parameter_description{});
  c.server_bytes(std::string_view(rows).substr(0, 17'000));
  c.server_bytes(std::string_view(rows).substr(17'000));
  c.server(ready);
  CHECK(c.heard == wire::encode(wire::parameter_description{}) + rows + wire::encode(wire::parse_complete{}) +
                       wire::encode(ready));
}

TEST_CASE("exchange: a Flush in the middle of a notice gets its ParseComplete behind it") {
  auto c = prepared();
  const auto notice = wire::encode(wire::notice_response{{{'M', "hello"}}});
  c.server_bytes(std::string_view(notice).substr(0, 8));
  c.client(again, wire::flush{});
  c.server_bytes(std::string_view(notice).substr(8));
  CHECK(c.heard == notice + wire::encode(wire::parse_complete{}));
}
