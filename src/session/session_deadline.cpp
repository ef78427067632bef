#include "core/log.hpp"
#include "session/session.hpp"

// What a session waits for, how long it may take, and what happens then. One deadline serves all: what is due next
// follows from the state the session is in.
namespace forebay {
namespace {

// A server that does not end what its client left within this time is closed instead of reused, and one that does not
// end a query that was cancelled for its time-out is given up; so is a replica that is down and says nothing more.
constexpr std::chrono::seconds patience{5};
// What was asked before the session was ended in order has this long to be done, if the client does not stay for it.
constexpr std::chrono::seconds grace{1};
// Who is silent for so long is no longer taken for quick.
constexpr std::chrono::milliseconds silence{250};

void add(session_limits::due& next, session_limits::what what, steady::time_point since, config::duration limit) {
  if (limit.count() != 0 && since + limit < next.at) next = {what, since + limit};
}

}  // namespace

session_limits session_limits::of(const config::settings& settings, const config::user* user) {
  const auto& all = settings.pool;
  session_limits mine;
  mine.query = all.query_timeout;
  mine.idle_transaction = all.idle_transaction_timeout;
  mine.transaction = all.transaction_timeout;
  mine.client_idle = all.client_idle_timeout;
  if (!user) return mine;
  mine.query = user->query_timeout.value_or(mine.query);
  mine.idle_transaction = user->idle_transaction_timeout.value_or(mine.idle_transaction);
  mine.transaction = user->transaction_timeout.value_or(mine.transaction);
  mine.client_idle = user->client_idle_timeout.value_or(mine.client_idle);
  return mine;
}

session_limits::due session::next_due() const {
  using what = session_limits::what;
  session_limits::due next;
  if (state_.gone) {
    if (server_ && cleaning_) add(next, what::cleaning, cleaning_since_, patience);
    if (server_ && cancel_due_) add(next, what::late_cancel, cleaning_since_, grace);
  } else if (stage_ == stage::login) {
    add(next, what::login, connected_at_, limits_.login);
  } else if (waiting_) {
    add(next, what::checkout, waiting_since_, limits_.checkout);
    if (route_ && route_->on_replica && !in_room_) add(next, what::silence, route_->looked_at, silence);
  } else if (stage_ == stage::ready && server_ && !server_->state.tracker.settled()) {
    if (state_.timed_out) {
      add(next, what::cancelled_query, timed_out_at_, patience);
    } else {
      add(next, what::query, request_at_, limits_.query);
    }
    add(next, what::transaction, transaction_at_, limits_.transaction);
    if (route_ && route_->unanswered) add(next, what::silence, route_->looked_at, silence);
    if (route_ && route_->is_down) add(next, what::replica_down, std::max(route_->heard_at, request_at_), patience);
  } else if (stage_ == stage::ready && server_ && server_->state.tracker.status() != 'I') {
    add(next, what::idle_transaction, active_at_, limits_.idle_transaction);
    add(next, what::transaction, transaction_at_, limits_.transaction);
  } else if (stage_ == stage::ready) {
    add(next, what::idle, active_at_, limits_.client_idle);
  }
  return next;
}

// Never moved to later: waking once in vain is cheaper than moving it with each event.
void session::arm_deadline() {
  const auto next = next_due();
  if (next.what == session_limits::what::nothing) return;
  if (!deadline_.is_set() || next.at < deadline_.at()) deadline_.set(home_.on.deadlines(), next.at);
}

void session::on_deadline() {
  home_.on.update_now();
  const auto next = next_due();
  if (next.at > home_.on.now()) return arm_deadline();
  using what = session_limits::what;
  switch (next.what) {
    case what::nothing:
      break;
    case what::login:
      fatal(wire::pg_error::fatal("08P01", "login timeout"));
      break;
    case what::checkout:
      give_up_waiting();
      break;
    case what::silence:
      note_silence();
      break;
    case what::replica_down:
      give_replica_up();
      break;
    case what::late_cancel:
      cancel_due_ = false;
      forward_cancel();
      break;
    case what::cleaning:
      log_warning("server_not_cleaned", {{"server", server_->home().node()->name()},
                                         {"pid", server_->backend_pid},
                                         {"session", number_},
                                         {"owed", server_->state.tracker.owed()}});
      forward_cancel();  // or it would go on without us
      server_->state.broken = true;
      put_in_order();
      break;
    case what::query:
      state_.timed_out = true;
      timed_out_at_ = home_.on.now();
      log_warning("query_timeout", {{"session", number_}, {"database", database_}, {"user", user_}});
      forward_cancel();
      break;
    case what::cancelled_query:
      server_->state.broken = true;
      fatal(wire::pg_error::fatal("57014", "query_timeout: the server does not end the query"));
      break;
    case what::transaction:
      fatal(wire::pg_error::fatal("25P04", "terminating connection due to transaction timeout"));
      break;
    case what::idle_transaction:
      fatal(wire::pg_error::fatal("25P03", "terminating connection due to idle-in-transaction timeout"));
      break;
    case what::idle:
      fatal(wire::pg_error::fatal("57P05", "terminating connection due to idle-session timeout"));
      break;
  }
  finish_event();
}

void session::give_up_waiting() {
  if (cache_ && cache_->flies) return on_flight_ended();  // and asks for itself
  const bool for_node = in_room_;
  if (!stop_waiting()) {
    limits_.checkout = {};  // granted() is on its way; a time-out still due would be due for ever
    return;
  }
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(home_.on.now() - waiting_since_).count();
  log_warning("checkout_timeout", {{"database", database_}, {"user", user_}, {"waited_ms", waited}});
  auto why =
      for_node
          ? wire::pg_error::error("57P03", "no server to answer came within " + std::to_string(waited) + " ms")
          : wire::pg_error::error("53300", "no server connection became free within " + std::to_string(waited) + " ms");
  waiting_ = false;
  refusal_ = std::make_unique<wire::pg_error>(std::move(why));
  permit_.gave_up();
  go_on();
}

}  // namespace forebay
