#include "session/channels.hpp"

#include <algorithm>

#include "core/log.hpp"
#include "protocol/wire/notice.hpp"
#include "protocol/wire/query.hpp"
#include "session/session.hpp"

namespace forebay {
namespace {

using kind = state_log::channel_change::kind;

// How often it is seen to that the connection may stay, or that there is one again.
constexpr std::chrono::seconds check_pause{1};

}  // namespace

channel_hub::channel_hub(proxy& process, worker& on, std::string database, std::string encoding)
    : process_(process), on_(on), database_(std::move(database)), encoding_(std::move(encoding)) {}

channel_hub::~channel_hub() {
  if (server_) server_->io.stop_waiting();
}

void channel_hub::settle(listener who, std::vector<state_log::channel_change> changes) {
  on_.post([self = shared_from_this(), e = errand{std::move(who), std::move(changes)}]() mutable {
    self->add(std::move(e));
  });
}

void channel_hub::leave(std::uint32_t number) {
  on_.post([self = shared_from_this(), number] {
    if (!self->server_) std::erase_if(self->errands_, [&](const errand& e) { return e.who.number == number; });
    for (auto& e : self->errands_) {
      if (e.who.number == number) e.who = {};
    }
    self->remove(number, nullptr);
    self->tidy();
    if (self->unused()) self->let_go();
  });
}

std::string channel_hub::errand::sql() const {
  std::string sql;
  for (const auto& c : changes) {
    // For a session a channel is left once nobody else listens to it.
    if (c.what == kind::listen) sql += "LISTEN " + quote_identifier(c.channel) + ';';
    if (c.what == kind::unlisten && housekeeping) sql += "UNLISTEN " + quote_identifier(c.channel) + ';';
  }
  return sql;
}

void channel_hub::add(errand e) {
  if (!server_ && e.changes.empty()) return finish(std::move(e), nullptr);  // there is nothing to wait for
  errands_.push_back(std::move(e));
  if (server_) {
    send(errands_.back().sql());
    flush();
  } else {
    connect();
  }
}

// Somebody who is there.
std::string channel_hub::user() const {
  for (const auto& e : errands_) {
    if (e.who.home) return e.who.user;
  }
  for (const auto& [channel, listeners] : channels_) {
    if (!listeners.empty()) return listeners.front().user;
  }
  return {};
}

void channel_hub::connect() {
  if (pool_) return;
  const auto settings = process_.settings();
  pool_ = process_.pools.find_primary(*settings, {database_, user(), ""});
  if (!pool_) {
    return granted({nullptr, settings->find_database(database_)
                                 ? wire::pg_error::error("57P03", "there is no primary to listen on")
                                 : wire::pg_error::error("3D000", "database \"" + database_ + "\" is gone")});
  }
  pool_->lend_beyond_size(true);
  waiting_since_ = steady::now();
  if (!check_due_) check();
  if (auto server = pool_->checkout(on_, shared_from_this())) granted({std::move(server), std::nullopt});
}

void channel_hub::granted(checkout_result result) {
  if (result.error) {
    const bool elsewhere = pool_ && pool_->retired();
    if (pool_) pool_->lend_beyond_size(false);
    pool_ = nullptr;
    if (elsewhere) return connect();
    for (auto& e : std::exchange(errands_, {}))
      finish(std::move(e), &*result.error);
    return;  // check() tries again if there is anybody left
  }
  server_ = std::move(result.server);
  if (unused()) return let_go();
  if (!pool_->has_another()) {
    let_go();
    return granted({nullptr, wire::pg_error::error(
                                 "53300", "to listen takes a server connection of its own: raise max_connections")});
  }
  // Others may have used it.
  const auto wanted = parameter_set::with(server_->state.initial, "client_encoding", encoding_, true);
  auto sql = change_sql(*server_->state.current, *wanted);
  errand all;
  for (const auto& [channel, listeners] : channels_)
    all.changes.push_back({kind::listen, channel});
  sql += (sql.empty() ? "" : ";") + all.sql();
  renewing_ = true;
  send(sql);
  for (const auto& e : errands_)
    send(e.sql());
  flush();
}

// An empty text is answered like any other.
void channel_hub::send(const std::string& sql) {
  gather out;
  out.copy(wire::encode(wire::query{sql}));
  if (server_->io.write(out)) server_->state.broken = true;  // its end is there to read
}

void channel_hub::flush() {
  const auto unsent = server_->io.backlog() && !server_->state.broken ? readiness::writable : readiness::none;
  server_->io.wait(readiness::readable | unsent, &on_server, this);
}

void channel_hub::on_server(void* self, readiness what) {
  const auto hub = static_cast<channel_hub*>(self)->shared_from_this();
  try {
    if (what == readiness::readable) hub->on_readable();
    if (what == readiness::writable && hub->server_ && hub->server_->io.flush()) hub->server_->state.broken = true;
    if (hub->server_) hub->flush();
  } catch (const std::exception& e) {
    hub->lose_server(e.what());
  }
}

void channel_hub::on_readable() {
  on_.update_now();
  auto input = server_->io.read();
  while (server_) {
    const auto next = server_->state.framer.next(input.data);
    if (!next) return lose_server("it broke the protocol");
    if (!*next) break;
    on_reply(**next);
  }
  if (!server_) return;
  server_->io.keep(input.data);
  if (input.ec) lose_server(input.ec.message());
}

void channel_hub::on_reply(const wire::piece& p) {
  if (!p.whole()) return;  // notices
  switch (p.type) {
    case wire::notification_response::type:
      if (const auto n = wire::notification_response::decode(p.body())) {
        hand_out({n->pid, std::string(n->channel), std::string(n->payload)});
      }
      break;
    case wire::error_response::type:
      if (const auto e = wire::error_response::decode(p.body()))
        failure_ = std::make_unique<wire::pg_error>(e->to_pg_error());
      break;
    case 'Z': {
      const auto failure = std::move(failure_);
      if (std::exchange(renewing_, false)) {
        if (failure) return lose_server(failure->message);
        break;
      }
      if (errands_.empty()) break;
      auto e = std::move(errands_.front());
      errands_.pop_front();
      finish(std::move(e), failure.get());
      if (unused()) let_go();
      break;
    }
    default:
      break;
  }
}

void channel_hub::finish(errand e, const wire::pg_error* failure) {
  for (const auto& c : e.changes) {
    if (failure) break;
    if (c.what == kind::unlisten) remove(e.who.number, &c.channel);
    if (c.what == kind::unlisten_all) remove(e.who.number, nullptr);
    if (c.what != kind::listen) continue;
    auto& listeners = channels_[c.channel];
    const auto same = [&](const listener& l) { return l.number == e.who.number; };
    if (e.who.home && std::none_of(listeners.begin(), listeners.end(), same)) listeners.push_back(e.who);
  }
  tidy();
  if (!e.who.home) return;
  e.who.home->post([who = e.who.who, error = failure ? std::make_shared<wire::pg_error>(*failure) : nullptr] {
    if (const auto s = who.lock()) s->on_channels_settled(error.get());
  });
}

// From one channel, or from all.
void channel_hub::remove(std::uint32_t number, const std::string* channel) {
  for (auto& [name, listeners] : channels_) {
    if (!channel || *channel == name) std::erase_if(listeners, [&](const listener& l) { return l.number == number; });
  }
}

// Channels that nobody listens to any more are left, unless somebody is about to listen.
void channel_hub::tidy() {
  errand left{.who = {}, .changes = {}, .housekeeping = true};
  for (auto it = channels_.begin(); it != channels_.end();) {
    auto& [name, listeners] = *it;
    if (!listeners.empty()) {
      ++it;
      continue;
    }
    const bool wanted = std::any_of(errands_.begin(), errands_.end(), [&, n = name](const errand& e) {
      return std::any_of(e.changes.begin(), e.changes.end(),
                         [&](const auto& c) { return c.what == kind::listen && c.channel == n; });
    });
    if (!wanted) left.changes.push_back({kind::unlisten, name});
    it = channels_.erase(it);
  }
  if (server_ && !left.changes.empty() && !unused()) add(std::move(left));
}

void channel_hub::hand_out(const notification& n) {
  const auto found = channels_.find(n.channel);
  if (found == channels_.end()) return;
  const auto shared = std::make_shared<const notification>(n);
  for (const auto& l : found->second) {
    l.home->post([who = l.who, shared] {
      if (const auto s = who.lock()) s->on_notification(*shared);
    });
  }
}

// What was notified meanwhile is lost, which nobody else would say.
void channel_hub::lose_server(const std::string& why) {
  log_warning("listening_interrupted", {{"database", database_}, {"reason", why}});
  for (const auto& [channel, listeners] : channels_) {
    for (const auto& l : listeners) {
      l.home->post([who = l.who] {
        if (const auto s = who.lock()) s->on_notifications_lost();
      });
    }
  }
  server_->state.broken = true;
  let_go();
  std::erase_if(errands_, [](const errand& e) { return !e.who.home; });
  if (!unused()) connect();
}

// The connection is of no use to others: its server listens.
void channel_hub::let_go() {
  if (!pool_) return;
  if (server_) {
    server_->io.stop_waiting();
    server_->state.doubtful = true;
    pool_->checkin(std::move(server_));
  } else if (!pool_->cancel(*this)) {
    return;  // granted() is on its way
  }
  renewing_ = false;
  failure_ = nullptr;
  pool_->lend_beyond_size(false);
  pool_ = nullptr;
}

void channel_hub::give_up_waiting() {
  const auto most = process_.settings()->pool.checkout_timeout;
  if (most.count() == 0 || steady::now() - waiting_since_ < most || !pool_->cancel(*this)) return;
  granted({nullptr, wire::pg_error::error("53300", "no server connection to listen over became free within " +
                                                       std::to_string(most.count()) + " ms")});
}

// A paused database gets its connection back, and one that is served elsewhere is followed there.
void channel_hub::check() {
  check_due_ = !unused();
  if (!check_due_) return;
  on_.post_at(steady::now() + check_pause, [self = weak_from_this()] {
    if (const auto hub = self.lock()) {
      if (hub->server_ && (hub->pool_->paused() || hub->pool_->retired()))
        hub->lose_server(hub->pool_->paused() ? "the database is paused" : "the database is served elsewhere");
      if (hub->pool_ && !hub->server_) hub->give_up_waiting();
      if (!hub->pool_ && !hub->unused()) hub->connect();
      hub->check();
    }
  });
}

std::shared_ptr<channel_hub> channel_directory::hub_for(proxy& process, worker& on, const std::string& database,
                                                        const std::string& encoding) {
  const std::lock_guard lock(mutex_);
  auto& hub = hubs_[{database, encoding}];
  if (!hub) hub = std::make_shared<channel_hub>(process, on, database, encoding);
  return hub;
}

std::vector<const server_connection*> channel_directory::servers_at(const worker& on) const {
  const std::lock_guard lock(mutex_);
  std::vector<const server_connection*> all;
  for (const auto& [key, hub] : hubs_) {
    if (&hub->home() == &on && hub->server()) all.push_back(hub->server());
  }
  return all;
}

}  // namespace forebay
