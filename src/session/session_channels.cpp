#include "protocol/wire/notice.hpp"
#include "session/session.hpp"

// A session's part in LISTEN and NOTIFY: its transaction is over for its client once its channels are as it said.
namespace forebay {
namespace {

// Notifications for a client that is in a transaction, or does not read.
constexpr std::size_t max_waiting = 16 * 1024 * 1024;

}  // namespace

// PostgreSQL listens from the end of the transaction on, and hands out what was notified before it says that it is
// ready. Both have happened elsewhere than on the server that says so now.
bool session::must_settle_channels(const wire::piece& p) const {
  if (p.type != 'Z' || stage_ != stage::ready || state_.gone || settling_) return false;
  const auto& tracker = server_->state.tracker;
  if (tracker.current_action() == fsm::action::swallow || tracker.in_doubt()) return false;
  const bool ended = p.body() == "I";
  return state_.settings.channels_changed(ended) || (ended && channels_ && (state_.effects & effect::notify) != 0);
}

void session::settle_channels(const wire::piece& ready) {
  settling_ = true;
  // Its own notifications are told by the process id of its server, so that is kept for them.
  notifies_ = (state_.effects & effect::notify) != 0 && !state_.settings.channels_changed(ready.body() == "I");
  if (!home_.to_client.empty() && client_.write(home_.to_client)) return leave();
  conversation().reply(ready);
  home_.to_client.append_to(withheld_, 0);
  home_.to_client.clear();
  if (!channels_) {
    const auto* encoding = state_.settings.wanted->find("client_encoding");
    channels_ =
        home_.process.channels.hub_for(home_.process, home_.on, database_, encoding ? encoding->value : std::string());
  }
  channels_->settle({weak_from_this(), &home_.on, number_, user_}, state_.settings.take_channels());
}

void session::on_channels_settled(const wire::pg_error* failure) {
  guard([&] {
    if (!settling_) return;  // it has left
    home_.on.update_now();
    settling_ = notifies_ = held_ = false;
    state_.effects &= ~effect::notify;
    if (failure) {
      fatal(*failure);
    } else {
      home_.to_client.copy(std::exchange(state_.notifications, {}));
      home_.to_client.copy(std::exchange(withheld_, {}));
    }
    finish_event();
    process_replies();  // what came behind it
    finish_event();
    if (draining_ && !server_) drain();
    if (state_.gone || holds_input()) return;
    process_kept();
  });
}

void session::on_notification(const notification& n) {
  // For its client the server that it holds is itself.
  const bool own = server_ && server_->backend_pid == n.pid;
  tell_out_of_band(wire::encode(wire::notification_response{own ? number_ : n.pid, n.channel, n.payload}));
}

void session::on_notifications_lost() {
  tell_out_of_band(wire::encode(wire::notice_response{{{'S', "WARNING"},
                                                       {'V', "WARNING"},
                                                       {'C', "01000"},
                                                       {'M', "notifications may have been lost"},
                                                       {'D', "The connection that listens was interrupted."}}}));
}

// At once between transactions, else when this one has ended.
void session::tell_out_of_band(std::string message) {
  guard([&] {
    if (state_.gone || stage_ != stage::ready) return;
    home_.on.update_now();
    if (settling_ || (server_ && !server_->state.tracker.idle())) {
      state_.notifications += message;
    } else {
      home_.to_client.copy(message);
    }
    if (state_.notifications.size() + client_.backlog_size() > max_waiting)
      fatal(wire::pg_error::fatal("53000", "too many notifications wait for this client"));
    finish_event();
  });
}

}  // namespace forebay
