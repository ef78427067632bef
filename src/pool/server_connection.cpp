#include "pool/server_connection.hpp"

#include <array>

#include "pool/pool.hpp"
#include "protocol/wire/status.hpp"

namespace forebay {
namespace {

constexpr std::string_view terminate{"X\0\0\0\4", 5};
// A server that has not ended its process by then gets no more of our patience.
constexpr std::chrono::seconds end_timeout{3};

}  // namespace

server_connection::server_connection(std::shared_ptr<pool> home, stream s)
    : io(std::move(s)), connected_at(steady::now()), idle_since(connected_at), home_(std::move(home)) {
  state.schema_era = &home_->node()->schema_era;
}

server_connection::~server_connection() {
  home_->closing();
  io.stop_waiting();
  io.hang_up(state.broken ? std::string_view{} : terminate);
  auto& on = io.at();
  asio::co_spawn(on.get_executor(), await_end(std::move(home_), std::move(io)), asio::detached);
}

asio::awaitable<void> server_connection::await_end(std::shared_ptr<pool> home, stream io) {
  deadline limit([](void* s) { static_cast<stream*>(s)->cancel_wait(); }, &io);
  limit.set(io.at().deadlines(), steady::now() + end_timeout);
  co_await io.discard_all();
  limit.clear();
  io.close();
  home->closed();
}

bool server_connection::still_good() {
  if (io.quiet()) return true;
  std::array<char, 4096> space;
  const auto input = io.read_into(space);
  auto in = input.data;
  while (!in.empty()) {
    const auto next = state.framer.next(in);
    if (!next || !*next || !(*next)->whole()) return false;  // half a message: not worth the trouble
    const auto& piece = **next;
    if (piece.type == wire::parameter_status::type) {
      const auto status = wire::parameter_status::decode(piece.body());
      if (!status) return false;
      state.current = parameter_set::with(state.current, status->name, status->value, true);
      state.initial = parameter_set::with(state.initial, status->name, status->value, true);
    } else if (piece.type != wire::notice_response::type) {
      return false;
    }
  }
  return !input.ec && !input.full;
}

}  // namespace forebay
