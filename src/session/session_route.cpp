#include <algorithm>

#include "core/log.hpp"
#include "protocol/wire/extended.hpp"
#include "protocol/wire/notice.hpp"
#include "protocol/wire/query.hpp"
#include "routing/hints.hpp"
#include "routing/sql_scan.hpp"
#include "session/session.hpp"

// Which node a session's requests go to: judged before each batch, asked for a server, and asked again elsewhere where
// a node fails it.
namespace forebay {
namespace {

using kind = route_wish::kind;
using batch = routing_state::batch;

// Nodes that one request is tried on.
constexpr std::uint8_t max_attempts = 8;

// Its node is still the one of that index.
bool is_known(const routing_state& r, const known_cluster& cluster) {
  return cluster.view && r.generation == cluster.view->generation && r.node < cluster.heard.size();
}

wire::pg_error is_down_error(const pool& of) {
  return wire::pg_error::error("08006", "server at " + of.node()->name() + " is down");
}

}  // namespace

// SHOW forebay.last_route and SHOW forebay.last_write, as SQL that any server answers.
void session::answer_about_itself(const wire::piece& p) {
  state_.own_answer.clear();
  constexpr std::size_t longest = 256;
  if (p.type != wire::query::type && p.type != wire::parse::type) return;
  if (!to_ || !p.whole() || p.body_size > longest) return;
  auto text = p.body();
  if (p.type == wire::parse::type) {
    const auto m = wire::parse::decode(p.body());
    if (!m) return;
    text = m->query;
  }
  const auto asked = shown_setting(up_to_nul(text));
  if (same_name(asked, "forebay.last_route")) {
    state_.own_answer = "SELECT " + quote_literal(last_route()) + " AS \"forebay.last_route\"";
  } else if (same_name(asked, "forebay.last_write")) {
    const auto open = route_ && route_->ticket != 0;
    const auto at = route_ ? route_->written : lsn{};
    state_.own_answer =
        "SELECT " + quote_literal(open ? std::string("unknown yet") : at.text()) + " AS \"forebay.last_write\"";
  } else if (same_name(asked, "forebay.last_cache")) {
    state_.own_answer = "SELECT " + quote_literal(last_cache()) + " AS \"forebay.last_cache\"";
  }
}

// "replica 10.0.0.2:5432", "primary 10.0.0.1:5432: volatile function public.next_number".
std::string session::last_route() const {
  if (!pool_) return "none";
  const auto& name = pool_->node()->name();
  if (!route_) return "primary " + name + ": reads are not split here";
  if (route_->on_replica) return "replica " + name;
  std::string text = "primary " + name;
  if (*route_->reason != '\0') text += std::string(": ") + route_->reason;
  if (!route_->about.empty()) text += " " + route_->about;
  return text;
}

// Each batch that somebody has asked to be told of.
void session::explain(std::string_view what) {
  if (state_.gone) return;
  const auto text = "forebay: " + std::string(what);
  home_.to_client.copy(
      wire::encode(wire::notice_response{{{'S', "NOTICE"}, {'V', "NOTICE"}, {'C', "00000"}, {'M', text}}}));
}

// Before a batch: whether it may run on a replica. What is sent to a primary's server that is held already goes there
// whatever it is, and what is within a transaction stays in it.
void session::judge(const wire::piece& p, std::string_view rest) {
  if (route_ && route_->at != batch::none) return;
  const bool routed = stage_ == stage::ready && state_.mode != config::pool_mode::session && to_->splits();
  if (!routed) {
    route_.reset();
    return;
  }
  if (!route_) route_ = std::make_unique<routing_state>();
  auto& r = *route_;
  if (server_ && !r.on_replica) {
    r.wish.what = kind::primary;
    r.at = batch::running;
    return;
  }
  // Within a transaction on a replica: what it cannot do there, see must_leave_replica().
  const char status = server_ ? server_->state.tracker.status() : 'I';
  if (status == 'E') {
    r.at = batch::running;
    return;
  }
  const auto& wants = to_->settings_of(state_.settings.wanted);
  auto found = read_judge(home_.access, to_->reads(), to_->rules(), state_, wants, status == 'T').of(p, rest);
  if (std::exchange(r.only_primary, false)) found = {kind::primary, "a replica has refused it"};
  r.wish = {.what = found.what, .avoid = std::exchange(r.failed, 0)};
  r.explains = wants.explain;
  r.reason = found.reason;
  r.about = std::move(found.about);
  r.batch_size = found.size;
  if (found.what != kind::primary && status == 'I') {
    r.begin = found.begin;
    r.one_snapshot = found.one_snapshot;
  }
  if (found.ties || (r.one_snapshot && status == 'T' && found.what == kind::read)) r.begin.clear();
  r.at = batch::judged;
}

// Its server is a replica's, and what comes is not for that. A transaction that has only read so far goes on on the
// primary: each of its statements has a snapshot of its own anyway. One that cannot stays where it is.
bool session::must_leave_replica() {
  if (!route_ || !route_->on_replica || route_->at != batch::judged || route_->wish.what != kind::primary) return false;
  const auto& tracker = server_->state.tracker;
  if (!tracker.settled()) return true;
  const bool may_go = tracker.status() == 'I' ? state_.pin == pin_reason::none : !route_->begin.empty();
  if (may_go) return true;
  route_->at = batch::running;
  route_->request.clear();
  return false;
}

void session::leave_replica() {
  if (server_->state.tracker.status() == 'T') {
    route_->resume = std::exchange(route_->begin, {});
    server_->state.broken = true;  // closed: what it has open there ends
  }
  drop_server();
}

session::lookout session::get_server() {
  if (!to_->exists()) {
    waiting_ = false;
    refusal_ = std::make_unique<wire::pg_error>(pool::served_elsewhere());
    return lookout::refused;
  }
  route_wish wish;
  if (route_) {
    auto& r = *route_;
    if (const auto& view = to_->cluster().view; r.ticket != 0 && view && view->covered >= r.ticket) {
      r.written = std::max(r.written, view->written);
      r.ticket = 0;
    }
    r.wish.needed = std::max(r.written, to_->settings_of(state_.settings.wanted).read_after);
    r.wish.own_write_open = r.ticket != 0;
    wish = r.wish;
  } else if (stage_ == stage::greeting && replication_.empty() && state_.mode != config::pool_mode::session) {
    wish.what = kind::any;
  }
  if (!waiting_) waiting_since_ = home_.on.now();
  auto place = to_->choose(wish);
  permit_ = std::move(place.permit);
  if (!place.where) {
    if (place.may_wait) {
      wait_for_view();
      return lookout::waits;
    }
    const auto why = wire::pg_error::error("57P03", std::string("no node can answer: ") + place.reason);
    refusal_ = std::make_unique<wire::pg_error>(place.refusal.value_or(why));
    waiting_ = false;
    return lookout::refused;
  }
  pool_ = std::move(place.where);
  if (route_) {
    route_->on_replica = !place.is_primary;
    route_->node = place.node;
    route_->generation = place.generation;
    route_->looked_at = home_.on.now();
    if (*route_->reason == '\0') route_->reason = place.reason;
    if (place.is_primary) ++home_.reasons[route_->reason];
  }
  if (auto server = pool_->checkout(home_.on, shared_from_this())) {
    waiting_ = false;
    attach(std::move(server));
    return lookout::served;
  }
  waiting_ = true;
  limits_.checkout = home_.settings()->pool.checkout_timeout;
  return lookout::waits;
}

// A node has not given a server: another one may, or the same later. Not `waits`: it has one, or a refusal.
session::lookout session::try_elsewhere(wire::pg_error error) {
  const bool moved = pool_ && pool_->retired();
  const bool of_node = is_of_node(error) && !moved;
  const bool was_waiting_for_primary = !route_ || !route_->on_replica;
  if (of_node) permit_.failed(home_.on.now(), error.message, home_.random);
  permit_.gave_up();
  const bool again = (moved || (of_node && to_->has_several_nodes())) && attempts_++ < max_attempts;
  if (!again) {
    refusal_ = std::make_unique<wire::pg_error>(std::move(error));
    return lookout::refused;
  }
  waiting_ = true;  // since it began to
  if (of_node && was_waiting_for_primary) {
    wait_for_view();  // in which the primary is another one, or it is known that this one serves
    return lookout::waits;
  }
  if (of_node) route_->wish.avoid |= std::uint64_t{1} << (route_->node % 64);
  return get_server();
}

void session::wait_for_view() {
  waiting_ = in_room_ = true;
  to_->cluster().waiting.push_back(weak_from_this());
  limits_.checkout = home_.settings()->pool.checkout_timeout;
}

// True: it waits no longer. False: granted() is on its way.
bool session::stop_waiting() {
  if (cache_) cache_->flies = false;
  if (std::exchange(in_room_, false)) return true;
  return !pool_ || pool_->cancel(*this);
}

void session::on_view() {
  guard([&] {
    if ((cache_ && cache_->flies) || !std::exchange(in_room_, false)) return;
    home_.on.update_now();
    waiting_ = false;
    if (state_.gone) return finish();
    const auto since = waiting_since_;
    const auto found = get_server();
    waiting_since_ = since;  // since it began to
    if (found == lookout::waits) return;
    go_on();
  });
}

void session::on_nodes_changed(const known_cluster& cluster) {
  if (!to_ || !to_->exists() || &to_->cluster() != &cluster || !pool_) return;
  const auto& nodes = cluster.view->nodes;
  const auto at = std::ranges::find(nodes, pool_->node()->name(), &node_view::name);
  // What a node that is no longer in the configuration has under way, it may end.
  const bool is_down = at != nodes.end() && !at->up;
  if (waiting_ && !in_room_ && is_down && nodes.size() > 1 && pool_->cancel(*this)) {
    guard([&] {
      home_.on.update_now();
      on_granted({nullptr, is_down_error(*pool_)});
    });
  } else if (server_ && is_down && nodes.size() > 1) {
    const bool of_replica = route_ && route_->on_replica;
    // To a transaction, too, that the old primary has open: it must not be committed there.
    const bool deposed = cluster.view->primary && pool_->must_be_primary();
    if (!of_replica && !deposed) return;
    guard([&] {
      home_.on.update_now();
      if (of_replica && (route_->request.empty() || route_->answered)) {
        route_->is_down = true;
        return arm_deadline();
      }
      lose_server(is_down_error(*pool_), server_->state.tracker.skipping());
      finish_event();
      resume_held();
    });
  }
}

// It is down for the monitor and has been silent here as well. The rest of an answer can come from nowhere else.
void session::give_replica_up() {
  const auto view = to_->cluster().view;
  if (!view) return;
  const auto at = std::ranges::find(view->nodes, pool_->node()->name(), &node_view::name);
  route_->is_down = at == view->nodes.end() || !at->up;
  if (route_->is_down) lose_server(is_down_error(*pool_), server_->state.tracker.skipping());
}

// What its next reads have to see.
void session::note_own_write() {
  if (!route_ || route_->on_replica || route_->wish.what != kind::primary || state_.gone) return;
  const auto view = to_->cluster().view;
  if (!view) return;
  route_->ticket = home_.process.take_ticket(view);
}

// What a replica is asked is kept: to be asked again, or for what is learned from its refusal.
void session::remember_request(const wire::piece& p) {
  if (!route_ || route_->at != batch::judged) return;
  route_->at = batch::running;
  if (route_->explains) explain(last_route() + (cache_ ? ", cache " + last_cache() : std::string()));
  if (!route_->on_replica || route_->batch_size == 0) return;
  if (server_->state.tracker.status() != 'I') {
    route_->request.clear();  // a part of a transaction is not asked again
    return;
  }
  const bool first = server_->state.tracker.settled();
  const bool more = !route_->request.empty() && !route_->answered;
  if (!more) route_->request.clear();
  if (first) {
    route_->answered = false;
    route_->unanswered = true;
    route_->looked_at = request_at_;
  }
  if (first || more) route_->request.append(p.raw.data(), route_->batch_size);
}

// Something has come from a server. Of a replica's answer the first byte counts.
void session::note_answer() {
  if (route_) route_->heard_at = home_.on.now();
  if (!route_ || !std::exchange(route_->unanswered, false)) return;
  auto& cluster = to_->cluster();
  if (!is_known(*route_, cluster)) return;
  cluster.heard[route_->node] = home_.on.now();
  cluster.latencies[route_->node].observe(home_.on.now(), home_.on.now() - request_at_);
}

// Nothing has come of its replica for a while: it is not quick, and where nobody else hears of it either, the monitor
// is to look at it at once.
void session::note_silence() {
  const auto now = home_.on.now();
  const auto since = std::exchange(route_->looked_at, now);
  auto& cluster = to_->cluster();
  if (!is_known(*route_, cluster)) return;
  if (route_->unanswered) cluster.latencies[route_->node].observe(now, now - request_at_);
  auto& heard = cluster.heard[route_->node];
  if (heard > since) return;
  heard = now;
  home_.process.watch.doubt(cluster.view->nodes[route_->node].name, "it is silent");
}

// Of a replica's reply: it cannot do what it was asked, or not now, and the primary can.
bool session::is_retried(const wire::piece& reply) {
  if (!route_ || !route_->on_replica || route_->request.empty() || reply.type != wire::error_response::type)
    return false;
  const auto error = wire::error_response::decode(reply.body());
  if (!error) return false;
  const auto state = error->sqlstate();
  // A read-only transaction; what a standby lacks; a conflict with what it replays.
  if (state != "25006" && state != "0A000" && state != "40001") return false;
  if (state == "25006") learn_write();
  return retry_elsewhere(error->to_pg_error(), true);
}

// The statements of what was asked last: one of them writes, though nothing said so.
void session::learn_write() {
  to_->reads().clear();
  wire::for_each_piece({}, route_->request, [&](const wire::piece& p) {
    const auto body = p.body();
    if (p.type == wire::query::type) {
      home_.access.learn_write(up_to_nul(body));
    } else if (p.type == wire::parse::type) {
      if (const auto m = wire::parse::decode(body)) home_.access.learn_write(m->query);
    } else if (p.type == wire::bind::type) {
      const auto m = wire::bind_names::decode_front(body);
      const auto s = m ? state_.find_statement(m->statement) : nullptr;
      if (s) home_.access.learn_write(s->query);
    }
  });
}

// The names that the request at hand has given already: it gives them again.
void session::take_names_back() {
  wire::for_each_piece({}, route_->request, [&](const wire::piece& p) {
    const auto m = p.type == wire::parse::type ? wire::parse::decode(p.body()) : wire::parse::decode({});
    const auto known = m && !m->name.empty() ? state_.find_statement(m->name) : nullptr;
    if (known && known->query == m->query) state_.assign(std::string(m->name), nullptr);
  });
}

// True: its request is about to be asked again, on another node.
bool session::retry_elsewhere(const wire::pg_error& why, bool on_primary) {
  if (state_.gone || ending_ || !route_ || !route_->on_replica || route_->request.empty() || route_->answered)
    return false;
  if (attempts_++ >= max_attempts) return false;
  log_info(
      "read_retried",
      {{"session", number_}, {"server", pool_->node()->name()}, {"sqlstate", why.sqlstate}, {"reason", why.message}});
  route_->failed |= std::uint64_t{1} << (route_->node % 64);
  server_->state.broken = true;
  conversation().server_lost();
  take_names_back();
  auto request = std::exchange(route_->request, {});
  home_.to_server.clear();
  home_.to_client.clear();  // of this request alone
  drop_server(on_primary ? std::string_view() : why.message);
  route_->at = batch::none;
  route_->only_primary = on_primary;
  held_ = false;
  retrying_ = true;
  home_.on.post([s = shared_from_this(), request = std::move(request)]() mutable {
    s->guard([&] {
      s->home_.on.update_now();
      s->retrying_ = false;
      if (s->state_.gone) return;
      request += s->client_.take_kept();
      s->process(request);
      s->finish_event();
    });
  });
  return true;
}

}  // namespace forebay
