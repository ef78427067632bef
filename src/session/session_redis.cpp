#include <algorithm>

#include "cache/key_fields.hpp"
#include "session/session.hpp"

// Results that other Forebays have read, in Redis: looked for before a server is asked, given to it after. What is
// found is taken only if all that this process has written, and what it knows of the others, is in it (cache/sisters).
namespace forebay {
namespace {

// Whatever happens to Redis, nobody waits for it longer.
constexpr std::chrono::milliseconds patience{2};
constexpr std::chrono::hours longest_ttl{24};
// Of any Forebay, so that all can read what one stores.
constexpr std::size_t largest_shared = 16 << 20;

// What is wanted, while it is looked for; whoever has asked may be gone when it comes.
struct shared_lookup {
  std::string key, shared_key;
  cache_verdict verdict;
  std::uint64_t fence;
  cache_request asked;  // of which the texts are gone
  steady::time_point at;
};

// What GET and PTTL say.
bool is_there(const redis_link::replies& got) {
  return got.size() == 2 && got[0].is == redis_reply::kind::text && got[1].is == redis_reply::kind::number;
}

// Null: it may not be given.
cache_entry_ptr entry_of(const redis_link::replies& got, const shared_lookup& wanted, result_cache& cache,
                         std::size_t largest) {
  const auto stored = stored_result::decode(got[0].text, wanted.shared_key, largest);
  const std::chrono::milliseconds left(got[1].number);
  if (!stored || left.count() <= 0 || left > stored->ttl) return nullptr;
  const auto age = stored->ttl - left;
  const auto has_all = [&](const auto* each) { return cache.book.has_all(*each, stored->fence); };
  if (age >= wanted.verdict.ttl || !std::ranges::all_of(wanted.verdict.depends, has_all)) return nullptr;
  auto asked = wanted.asked;
  asked.parses = false;  // its ParseComplete is not kept
  if (cacheable_reply::of(stored->reply, asked).bytes.size() != stored->reply.size()) return nullptr;
  auto found = std::make_shared<cache_entry>();
  found->key = wanted.key;
  found->reply = stored->reply;
  found->depends = wanted.verdict.depends;
  found->fence = wanted.fence;
  found->made = wanted.at - age;
  found->until = found->made + wanted.verdict.ttl;
  found->cost = stored->cost;
  found->rows = stored->rows;
  found->tags = wanted.verdict.tags;
  return found;
}

}  // namespace

void session::prepare_sharing(cache_fill& fill) {
  if (!home_.redis) return;
  fill.others = home_.process.cache.book.fence(fill.fence);
  const auto& where = to_->rules()->where();
  add_key_field(fill.shared_key, where.database);
  add_key_field(fill.shared_key, where.incarnation);
  fill.shared_key += fill.key;
}

// True: on_looked() comes.
bool session::look_in_redis() {
  auto* redis = home_.redis.get();
  auto& fill = *cache_->filling;
  if (!redis || server_) return false;
  const auto name = redis_name_of_result(fill.shared_key);
  // What a server answers sooner is not worth it.
  const auto usual = *fill.verdict.usual_time;
  const auto limit = usual.count() == 0 ? patience : std::min<std::chrono::microseconds>(patience, usual / 2);
  if (!redis->is_ready(name) || redis->usual_time(name) > limit) return false;

  std::vector<std::string> commands(2);
  append_command(commands[0], {"GET", name});
  append_command(commands[1], {"PTTL", name});
  const auto wanted = std::make_shared<const shared_lookup>(
      shared_lookup{fill.key, fill.shared_key, fill.verdict, fill.fence, fill.asked, home_.on.now()});
  const auto wait = cache_->waits + 1;
  const bool sent =
      redis->ask(name, std::move(commands), home_.on.now() + limit,
                 [to = &home_, me = weak_from_this(), wait, wanted](redis_link::outcome how, redis_link::replies& got) {
                   auto& all = to->process.cache;
                   cache_entry_ptr found;
                   if (how == redis_link::outcome::answered && is_there(got))
                     found = entry_of(got, *wanted, all, to->settings()->cache.max_entry.bytes);
                   if (found) {
                     // Late, it may be older than what a server has said meanwhile.
                     const auto key = cache_key::of(found->key);
                     if (!all.store.holds(key, to->on.now())) all.store.put(found, key, to->on.now());
                   }
                   const auto s = me.lock();
                   if (!s || !s->on_looked(wait, found)) return;
                   auto& counts = all.shared;
                   ++(how == redis_link::outcome::late   ? counts.late
                      : how == redis_link::outcome::lost ? counts.lost
                      : found                            ? counts.hits
                      : is_there(got)                    ? counts.unfit
                                                         : counts.misses);
                 });
  if (!sent) return false;
  ++cache_->waits;
  wait_for_cache();
  return true;
}

// False: nobody waits for it any more.
bool session::on_looked(std::uint64_t wait, cache_entry_ptr found) {
  if (!cache_ || cache_->waits != wait || !cache_->flies) return false;
  if (cache_->filling) cache_->filling->found = std::move(found);
  on_flight_ended();
  if (cache_) cache_->waited = false;  // it may have ended
  return true;
}

session::cached session::give_what_redis_had(cache_desk& desk, const wire::piece& p, std::string_view rest) {
  auto& found = cache_->filling->found;
  const auto request = cache_request::of(p, framer_, rest, state_);
  if (why_not_cached(desk, request) || !found->holds()) {
    found = nullptr;
    return cached::no;
  }
  const auto given = give_from_cache(*request, *found);
  cache_->filling.reset();
  return given;
}

// What a server has just answered.
void session::share(const cache_fill& fill, const cacheable_reply& reply, std::chrono::microseconds cost) {
  auto* redis = home_.redis.get();
  if (!redis || fill.shared_key.empty()) return;
  const auto name = redis_name_of_result(fill.shared_key);
  if (!redis->is_ready(name) || cost < 2 * redis->usual_time(name) || reply.bytes.size() > largest_shared) return;
  stored_result made;
  made.key = fill.shared_key;
  made.reply = reply.bytes;
  made.fence = fill.others;
  made.ttl = std::min<std::chrono::milliseconds>(fill.verdict.ttl, longest_ttl);
  made.cost = cost;
  made.rows = reply.rows;
  const auto value = made.encode(home_.settings()->cache.compress_over.bytes);
  std::vector<std::string> commands(1);
  append_command(commands[0], {"SET", name, value, "PX", std::to_string(made.ttl.count())});
  constexpr std::chrono::seconds a_while{2};
  const bool sent = redis->ask(name, std::move(commands), home_.on.now() + a_while, [](auto, auto&) {});
  if (sent) ++home_.process.cache.shared.given;
}

}  // namespace forebay
