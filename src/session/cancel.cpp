#include "session/cancel.hpp"

#include "core/log.hpp"
#include "protocol/wire/startup.hpp"
#include "session/session.hpp"

namespace forebay {
namespace {

constexpr std::chrono::seconds cancel_timeout{5};

struct request {
  std::shared_ptr<server_connection::cancel_gate> gate;
  std::shared_ptr<node> to;
  std::uint32_t pid;
  std::string key;
};

asio::awaitable<void> run(proxy& process, worker& on, request what) {
  std::string why;
  auto io = co_await process.connect.connect(*what.to, on, cancel_timeout, why);
  if (io) {
    std::string bytes;
    wire::writer w(bytes);
    wire::cancel_request{what.pid, what.key}.encode(w);
    gather out;
    out.copy(bytes);
    io->write(out);
    // PostgreSQL closes the connection once the signal is sent: only then is the request past.
    deadline limit([](void* s) { static_cast<stream*>(s)->cancel_waits(); }, &*io);
    limit.set(on.deadlines(), steady::now() + cancel_timeout);
    const auto [ec] = co_await io->wait_readable(asio::as_tuple(asio::use_awaitable));
    if (ec) what.gate->overdue = true;
  } else {
    log_warning("cancel_failed", {{"server", what.to->name()}, {"pid", what.pid}, {"reason", why}});
  }
  if (--what.gate->in_flight == 0 && what.gate->parked) {
    auto server = std::move(what.gate->parked);
    server->state.doubtful = server->state.doubtful || what.gate->overdue;
    server->home().checkin(std::move(server));
  }
}

}  // namespace

void send_cancel(proxy& process, std::uint32_t number, std::string key) {
  const auto index = shard::worker_of(number);
  if (index >= process.shards.size()) return;
  auto& home = *process.shards[index];
  home.on.post([&home, number, key = std::move(key)] {
    if (auto* target = home.find(number)) target->cancel(key);
  });
}

void cancel_on_server(proxy& process, server_connection& server) {
  ++server.cancels->in_flight;
  asio::co_spawn(
      server.at().context(),
      run(process, server.at(), {server.cancels, server.home().node(), server.backend_pid, server.cancel_key}),
      asio::detached);
}

}  // namespace forebay
