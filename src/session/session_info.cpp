#include "net/tls.hpp"
#include "session/session.hpp"

// What the console shows of a session.
namespace forebay {

const char* session::state_text() const {
  if (stage_ == stage::login || stage_ == stage::greeting) return "login";
  if (waiting_) return "waiting";
  return !server_ && stage_ != stage::console ? "idle" : "active";
}

socket_address session::client_address() const {
  return told_ ? *told_ : peer_address(client_.native());
}

session::info session::describe() {
  info i;
  i.number = number_;
  i.user = user_;
  i.database = database_;
  const auto peer = client_address();
  const auto local = local_address(client_.native());
  i.address = peer.host;
  i.port = peer.port;
  i.local_address = local.host;
  i.local_port = local.port;
  if (const auto* name = state_.settings.wanted->find("application_name")) i.application_name = name->value;
  if (const auto* tls = client_.tls()) i.tls = tls->description();
  i.state = state_text();
  i.pin = to_text(state_.pin);
  if (server_) {
    i.server_pid = server_->backend_pid;
    i.server = server_->home().node()->name();
  }
  const auto wall = [](steady::time_point at) {
    return std::chrono::system_clock::now() -
           std::chrono::duration_cast<std::chrono::system_clock::duration>(steady::now() - at);
  };
  i.connected_at = wall(connected_at_);
  i.request_at = wall(request_at_ == steady::time_point{} ? connected_at_ : request_at_);
  if (waiting_) i.wait = std::chrono::duration_cast<std::chrono::microseconds>(steady::now() - waiting_since_);
  i.prepared = state_.statements ? state_.statements->size() : 0;
  return i;
}

}  // namespace forebay
