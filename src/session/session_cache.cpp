#include "cache/key_fields.hpp"
#include "protocol/wire/extended.hpp"
#include "protocol/wire/notice.hpp"
#include "protocol/wire/query.hpp"
#include "protocol/wire/status.hpp"
#include "routing/clock_words.hpp"
#include "routing/hints.hpp"
#include "routing/sql_scan.hpp"
#include "session/session.hpp"

// The cache as a session uses it: asked before a server is, filled with what the server answers, told of what is
// written. See cache/clock.hpp for the order in which that has to happen.
namespace forebay {
// Before a server is asked for the batch that begins here.
session::cached session::ask_cache(const wire::piece& p, std::string_view rest) {
  auto* desk = to_->caching();
  if (!desk) cache_.reset();
  if (!desk || !state_.own_answer.empty()) return cached::no;
  if (!cache_) cache_ = std::make_unique<caching_state>();
  auto& c = *cache_;
  // Asked for before it had to wait for a server, or for Redis.
  if (c.filling && !c.filling->sent) return c.filling->found ? give_what_redis_had(*desk, p, rest) : cached::no;
  c.filling.reset();
  const auto request = cache_request::of(p, framer_, rest, state_);
  if (const auto* reason = why_not_cached(*desk, request)) return bypass(reason);
  const auto& scope = desk->scope_of(state_.settings.wanted);
  const auto asked = hints_of(request->text);
  const auto how = asked.cache == cache_hint::none ? scope.asked : asked.cache;
  if (home_.to_client.size() + client_.backlog_size() >= max_client_backlog)
    return bypass("answers wait for the client");
  if (how == cache_hint::off) return bypass(asked.cache == how ? "off by hint" : "forebay.cache");
  if (same_name(asked.route, "primary")) return bypass("asked for by hint");
  request->write_key(scope.key, desk->scratch);
  add_key_field(desk->scratch, asked.terms);
  const auto key = cache_key::of(desk->scratch);
  if (how != cache_hint::refresh) {
    if (const auto hit = desk->store().hit(key, home_.on.now())) return give_from_cache(*request, *hit);
  }
  if (!reads_as_written(request->text, *state_.settings.wanted)) return bypass("not to be read by these settings");
  auto verdict = desk->verdict_of(home_.access, request->text, asked, how == cache_hint::on, to_->rules());
  if (verdict.reason) return bypass(verdict.reason, std::move(verdict.about));
  if (has_clock_words(request->text) || has_clock_words(request->arguments)) return bypass("a word like now or today");
  if (request->takes_times()) return bypass("a parameter that is a time of day");
  return begin_fill(*desk, *request, key, std::move(verdict), how == cache_hint::refresh);
}

// The batch is in the cache, and behind others that a server has not answered yet: it waits for them, and is looked for
// again then, as they may have written.
bool session::comes_from_cache_in_turn(const wire::piece& p, std::string_view rest) {
  const auto& tracker = server_->state.tracker;
  auto* desk = cache_ ? to_->caching() : nullptr;
  if (!desk || tracker.settled() || tracker.unsynced() || tracker.status() != 'I') return false;
  if (tracker.wants_copy_data()) return false;
  const auto request = cache_request::of(p, framer_, rest, state_);
  if (why_not_cached(*desk, request)) return false;
  request->write_key(desk->scope_of(state_.settings.wanted).key, desk->scratch);
  add_key_field(desk->scratch, hints_of(request->text).terms);
  return desk->store().holds(cache_key::of(desk->scratch), home_.on.now());
}

// Null: it may be asked for.
const char* session::why_not_cached(cache_desk& desk, const std::optional<cache_request>& request) {
  if (!desk.reads()) return "off";
  if (!state_.renames()) return "session mode";
  if (state_.pin != pin_reason::none) return "the session keeps its server";
  if (!request) return "not one statement that reads";
  if (const auto& s = request->statement; s && s->reading != reading_of(s->query, *state_.settings.wanted))
    return "parsed with other settings";  // its constants are not what they are to who parses it now
  return desk.scope_of(state_.settings.wanted).reason;
}

session::cached session::bypass(const char* reason, std::string about) {
  cache_->last = caching_state::outcome::bypass;
  cache_->reason = reason;
  cache_->about = std::move(about);
  ++home_.cache_bypasses[reason];
  return cached::no;
}

session::cached session::give_from_cache(const cache_request& request, const cache_entry& hit) {
  if (request.parses) {
    auto reading = reading_of(request.text, *state_.settings.wanted);
    state_.unnamed = unnamed_statement(request.text, request.types, nullptr, std::move(reading));
  }
  cache_->answered = !request.simple;
  cache_->in_redis = cache_->filling && cache_->filling->found;
  cache_->last = caching_state::outcome::hit;
  if (to_->settings_of(state_.settings.wanted).explain) explain("cache " + last_cache());
  home_.to_client.copy(std::exchange(state_.notifications, {}));
  if (request.parses) home_.to_client.copy(wire::encode(wire::parse_complete{}));
  home_.to_client.copy(hit.reply);
  if (pool_) {
    auto& t = pool_->traffic_of(home_.on);
    traffic::add(t.queries, 1);
    traffic::add(t.transactions, 1);
    traffic::add(t.bytes_to_clients, hit.reply.size());
  }
  return cached::yes;
}

// A miss, which others may wait for, or which waits for another one's.
session::cached session::begin_fill(cache_desk& desk, const cache_request& request, const cache_key& key,
                                    cache_verdict verdict, bool refresh) {
  auto& c = *cache_;
  const bool may_wait = !std::exchange(c.waited, false) && !refresh && !server_;
  auto found = refresh ? result_store::found{} : desk.store().find(key, home_.on.now(), may_wait);
  if (found.hit) return give_from_cache(request, *found.hit);
  if (found.flight && !found.ours && wait_for_flight(*found.flight)) return cached::later;
  c.last = caching_state::outcome::miss;
  c.filling = std::make_unique<cache_fill>(desk.scratch, std::move(verdict));
  c.filling->asked = request;
  if (found.ours) c.filling->flight = std::move(found.flight);
  prepare_sharing(*c.filling);
  return !refresh && look_in_redis() ? cached::later : cached::no;
}

// True: on_flight_ended() comes, or the time is up before.
bool session::wait_for_flight(cache_flight& flight) {
  const auto wait = ++cache_->waits;
  const bool waits = flight.wait([to = &home_.on, me = weak_from_this(), wait] {
    to->post([me, wait] {
      const auto s = me.lock();
      if (s && s->cache_ && s->cache_->waits == wait) s->on_flight_ended();
    });
  });
  if (waits) wait_for_cache();
  return waits;
}

void session::wait_for_cache() {
  cache_->flies = waiting_ = in_room_ = true;
  waiting_since_ = home_.on.now();
  limits_.checkout = home_.settings()->pool.checkout_timeout;
}

void session::on_flight_ended() {
  guard([&] {
    if (!cache_ || !std::exchange(cache_->flies, false)) return;
    home_.on.update_now();
    waiting_ = in_room_ = false;
    if (state_.gone) return finish();
    cache_->waited = true;
    process_kept();
    if (draining_ && !server_ && !waiting_ && !state_.gone) drain();
  });
}

// The batch at hand goes to a server now. A replica that has not all that was written to what the result depends on,
// as far as is known, answers its own client only.
void session::note_fill_sent() {
  if (!cache_ || !cache_->filling || cache_->filling->sent) return;
  auto& fill = *cache_->filling;
  const auto view = to_->cluster().view;
  const bool of_replica = route_ && route_->on_replica;
  const auto* at = view && of_replica && route_->generation == view->generation ? &view->nodes[route_->node] : nullptr;
  const auto has_all = [&](cache_clock* each) {
    const auto needed = at ? each->position(view->covered, view->written) : std::nullopt;
    return needed && at->position >= *needed;
  };
  if (of_replica && !std::ranges::all_of(fill.verdict.depends, has_all)) return cache_->filling.reset();
  fill.sent = true;
  fill.skip = home_.to_client.size();
}

// Of the server's reply: what goes to the client is kept, up to its ReadyForQuery.
void session::note_reply(char type, std::size_t gathered_before) {
  if (!cache_ || !cache_->filling || !cache_->filling->sent) return;
  if (type != wire::ready_for_query::type || home_.to_client.size() == gathered_before) return;
  const auto fill = std::move(cache_->filling);
  home_.to_client.append_to(fill->reply, fill->skip);
  const auto reply = cacheable_reply::of(fill->reply, fill->asked);
  auto* desk = to_->caching();
  if (!desk) return;
  const auto now = home_.on.now();
  if (reply.bytes.empty()) return desk->store().keep_apart(cache_key::of(fill->key), now);
  auto fresh = std::make_shared<cache_entry>();
  fresh->reply = reply.bytes;
  fresh->depends = std::move(fill->verdict.depends);
  fresh->fence = fill->fence;
  fresh->made = now;
  fresh->until = now + fill->verdict.ttl;
  fresh->cost = std::chrono::duration_cast<std::chrono::microseconds>(now - request_at_);
  if (auto* usual = fill->verdict.usual_time.get())
    *usual = usual->count() == 0 ? fresh->cost : (*usual * 7 + fresh->cost) / 8;
  fresh->rows = reply.rows;
  fresh->tags = std::move(fill->verdict.tags);
  fresh->key = std::move(fill->key);
  const auto key = cache_key::of(fresh->key);
  const auto cost = fresh->cost;
  using put_result = result_store::put_result;
  const auto came = desk->store().put(std::move(fresh), key, now);
  if (came == put_result::too_large) desk->store().keep_apart(key, now);
  if (came == put_result::kept || came == put_result::no_room) share(*fill, reply, cost);
}

// All that is gathered for the client; what it acknowledges others must not read older than it is.
error_code session::write_to_client() {
  acknowledge_writes();
  if (cache_ && cache_->filling && cache_->filling->sent) {
    auto& fill = *cache_->filling;
    home_.to_client.append_to(fill.reply, fill.skip);
    fill.skip = 0;
    if (fill.reply.size() > home_.settings()->cache.max_entry.bytes) {
      if (auto* desk = to_->caching()) desk->store().keep_apart(cache_key::of(fill.key), home_.on.now());
      cache_->filling.reset();
    }
  }
  return client_.write(home_.to_client);
}

// What the client is about to ask may write.
void session::note_writes(const wire::piece& p) {
  if (!p.first) return;
  auto* desk = to_ ? to_->caching() : nullptr;
  if (!desk) return;
  const bool within = server_->state.tracker.status() == 'T' && server_->state.tracker.settled();
  if (!cache_) cache_ = std::make_unique<caching_state>();
  // A portal that was bound in an earlier batch.
  if (p.type == wire::execute::type && cache_->at_once) cache_->written.begin();
  if (p.type == wire::query::type && p.whole()) return note_writes_of(*desk, up_to_nul(p.body()), within);
  if (p.type == wire::bind::type) {
    const auto m = wire::bind_names::decode_front(p.body());
    const auto s = m ? state_.find_statement(m->statement) : nullptr;
    if (s) return note_writes_of(*desk, s->query, within);
  } else if (p.type != wire::query::type && p.type != 'F') {
    return;
  }
  note_unknown_write(*desk);
}

void session::note_unknown_write(cache_desk& desk) {
  add_writes({.seen = cache_writes::when::at_once, .clocks = {&desk.clocks().all()}}, false);
}

void session::note_writes_of(cache_desk& desk, std::string_view text, bool within) {
  if (!reads_as_written(text, *state_.settings.wanted)) return note_unknown_write(desk);
  const auto& found = desk.writes_of(home_.access, text, to_->rules());
  add_writes(found, within);
  if (found.executes.empty()) return;
  // Of what PREPARE made nothing is remembered. A statement of the protocol may itself be an EXECUTE, and so on.
  const auto& s = state_.find_statement(found.executes);
  const auto* inner = s ? &desk.writes_of(home_.access, s->query, to_->rules()) : nullptr;
  inner && inner->executes.empty() ? add_writes(*inner, within) : note_unknown_write(desk);
}

void session::add_writes(const cache_writes& found, bool within) {
  auto& c = *cache_;
  using when = cache_writes::when;
  if (found.seen == when::never) return;
  if (c.written.empty()) c.noted_at = steady::now();
  c.schema = c.schema || found.schema;
  c.at_once = c.at_once || found.seen == when::at_once;
  if (found.doubted && !c.doubted) c.doubted = to_->caching()->clocks().settled();
  for (auto* each : found.clocks)
    c.written.add(*each);
  if (found.seen == when::at_once || !within) c.written.begin();
}

// Its cluster is followed from now on: what its server has under way may write anything.
void session::follow_writes() {
  auto* desk = to_ && stage_ != stage::ended ? to_->caching() : nullptr;
  if (!desk || !server_ || server_->state.tracker.idle()) return;
  if (!cache_) cache_ = std::make_unique<caching_state>();
  note_unknown_write(*desk);
}

// Before the client hears of anything, and when the server is given back.
void session::acknowledge_writes() {
  if (!cache_ || (cache_->written.empty() && !cache_->at_once)) return;
  auto& c = *cache_;
  const bool lost = !server_ || server_->state.broken;
  const bool ended = lost || server_->state.tracker.idle();
  if (auto* desk = to_->caching()) {
    // What it writes was judged by the catalogs of then: there may be a trigger, or a foreign key, now.
    if (ended && desk->clocks().schema_changed_at() >= c.noted_at) c.written.add(desk->clocks().all());
    // It was judged before it was committed.
    if (ended && c.doubted && *c.doubted != desk->clocks().settled()) c.written.add(desk->clocks().all());
    if (c.schema && c.written.begun()) desk->schema_changed(steady::now());
  }
  std::uint64_t ticket = 0;
  if (const auto& view = to_->cluster().view; c.written.begun() && view && view->nodes.size() > 1)
    ticket = home_.process.take_ticket(view);
  if (ended) {
    c.written.commit(ticket);
    c.at_once = false;
    if (auto* desk = std::exchange(c.doubted, {}) ? to_->caching() : nullptr) desk->settle_doubts(to_->rules());
    if (std::exchange(c.schema, false)) to_->catalog_changed();
  } else if (server_->state.tracker.settled()) {
    c.written.pause(ticket);
  } else {
    c.written.tell(ticket);
  }
}

// "hit", "miss", "bypass: volatile function public.f".
std::string session::last_cache() const {
  using outcome = caching_state::outcome;
  if (!cache_) return "off";
  if (cache_->last == outcome::hit) return cache_->in_redis ? "hit in Redis" : "hit";
  if (cache_->last == outcome::miss) return "miss";
  return std::string("bypass: ") + cache_->reason + (cache_->about.empty() ? "" : " ") + cache_->about;
}

}  // namespace forebay
