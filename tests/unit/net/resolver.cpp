#include "net/resolver.hpp"

#include "tests/unit/net/support.hpp"

namespace forebay {
namespace {

using std::chrono::milliseconds;

// Its own control thread, and a coroutine on a worker that asks.
struct names {
  test::crew workers{1};
  asio::io_context control{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{control.get_executor()};
  resolver book{control};
  std::thread thread;

  void start() {
    thread = std::thread([this] { control.run(); });
  }
  ~names() {
    work.reset();
    control.stop();
    if (thread.joinable()) thread.join();
    workers.stop();
  }
  resolved ask(const std::string& host, milliseconds time = std::chrono::seconds(20)) {
    std::promise<resolved> answer;
    asio::co_spawn(workers[0].get_executor(), book.resolve(host, 5432, steady::now() + time),
                   [&](const std::exception_ptr&, resolved r) { answer.set_value(std::move(r)); });
    return answer.get_future().get();
  }
};

TEST_CASE("addresses and folders are answered without the control thread") {
  names n;
  CHECK(n.ask("127.0.0.1").endpoints.size() == 1);
  CHECK(n.ask("::1").endpoints.size() == 1);
  const auto folder = n.ask("/run/postgresql");
  REQUIRE(folder.endpoints.size() == 1);
  CHECK(folder.endpoints[0].protocol().family() == AF_UNIX);
  CHECK(n.ask('/' + std::string(200, 'x')).ec == asio::error::name_too_long);
}

TEST_CASE("names are looked up") {
  names n;
  n.start();
  CHECK_FALSE(n.ask("localhost").endpoints.empty());
  const auto nowhere = n.ask("no-such-host.invalid");
  CHECK(nowhere.ec);
  CHECK(nowhere.endpoints.empty());
}

}  // namespace
}  // namespace forebay
