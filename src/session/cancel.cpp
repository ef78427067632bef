#include "session/cancel.hpp"

#include "core/log.hpp"
#include "protocol/wire/startup.hpp"
#include "session/session.hpp"

namespace forebay {
namespace {

constexpr std::chrono::seconds cancel_timeout{5};
// Cancel requests on their way to one server: each is a connection.
constexpr int most_in_flight = 4;

// One that is under way. It ends with its coroutine: also with the worker, when nobody takes the server back any more.
struct flight {
  explicit flight(std::shared_ptr<server_connection::cancel_gate> g) : gate(std::move(g)) { ++gate->in_flight; }
  flight(flight&&) = default;
  ~flight() {
    if (gate && --gate->in_flight == 0) gate->parked.reset();
  }
  // The server that waited for the last of its requests, if this is it; from now on the gate may be another worker's.
  server_ptr end() {
    const auto past = std::exchange(gate, nullptr);
    if (--past->in_flight != 0 || !past->parked) return nullptr;
    past->parked->state.doubtful = past->parked->state.doubtful || past->overdue;
    return std::move(past->parked);
  }

  std::shared_ptr<server_connection::cancel_gate> gate;
};

struct request {
  flight under_way;
  std::shared_ptr<node> to;
  std::shared_ptr<const tls_context> tls;  // as the connection whose query is cancelled
  std::uint32_t pid;
  std::string key;
};

asio::awaitable<void> run(proxy& process, worker& on, request what) {
  std::string why;
  auto io = co_await process.connect.connect(*what.to, what.tls, on, cancel_timeout, why);
  if (io) {
    gather out;
    out.copy(wire::encode(wire::cancel_request{what.pid, what.key}));
    io->write(out);
    // PostgreSQL closes the connection once the signal is sent: only then is the request past.
    deadline limit([](void* s) { static_cast<stream*>(s)->cancel_wait(); }, &*io);
    limit.set(on.deadlines(), steady::now() + cancel_timeout);
    for (bool closed = false; !closed;) {
      const auto [late] = co_await io->wait_once(readiness::readable, asio::as_tuple(asio::use_awaitable));
      closed = late || io->read().ec;  // over TLS something may come that is no end
      if (late) what.under_way.gate->overdue = true;
    }
  } else {
    log_warning("cancel_failed", {{"server", what.to->name()}, {"pid", what.pid}, {"reason", why}});
  }
  if (auto server = what.under_way.end()) {
    auto& home = server->home();
    home.checkin(std::move(server));
  }
}

}  // namespace

void send_cancel(proxy& process, std::uint32_t number, std::string key) {
  const auto index = shard::worker_of(number);
  if (index >= process.shards.size()) return;
  auto& home = *process.shards[index];
  home.on.post([&home, number, key = std::move(key)] {
    if (const auto target = home.find(number)) target->cancel(key);
  });
}

void cancel_on_server(proxy& process, server_connection& server) {
  if (server.cancels->in_flight >= most_in_flight) return;  // one more would tell the server nothing new
  asio::co_spawn(server.at().get_executor(),
                 run(process, server.at(),
                     {flight(server.cancels), server.home().node(),
                      server.io.tls() ? server.home().where().tls : nullptr, server.backend_pid, server.cancel_key}),
                 asio::detached);
}

}  // namespace forebay
