#include "cache/store.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <limits>
#include <utility>

#include "cache/flight.hpp"
#include "cache/store_shard.hpp"

namespace forebay {

namespace {

using hash = result_shard::hash;

hash hash_of(const cache_key& key) {
  return {key.hash[0], key.hash[1]};
}

// 1/256 of the memory counts what was seen, a counter of four bytes in all for each KiB of results.
std::size_t sketch_width(std::size_t bytes, std::size_t shards) {
  return std::bit_floor(std::clamp<std::size_t>(bytes / shards / 1024, 256, 65536));
}

}  // namespace

result_store::result_store(const limits& of) : shards_(std::make_unique<result_shard[]>(shard_count)) {
  set_limits(of);
}

result_store::~result_store() = default;

result_shard& result_store::shard_of(const cache_key& key) const {
  return shards_[key.hash[1] % shard_count];
}

bool result_store::reserve(std::size_t bytes) {
  const auto most = bytes_limit_.load(std::memory_order_relaxed);
  auto are = bytes_.load(std::memory_order_relaxed);
  do {
    if (are + bytes > most) return false;
  } while (!bytes_.compare_exchange_weak(are, are + bytes, std::memory_order_relaxed));
  return true;
}

std::size_t result_store::missing(std::size_t bytes) const {
  const auto wanted = bytes_.load(std::memory_order_relaxed) + bytes,
             most = bytes_limit_.load(std::memory_order_relaxed);
  return wanted > most ? wanted - most : 0;
}

void result_store::set_limits(const limits& of) {
  bytes_limit_.store(of.bytes, std::memory_order_relaxed);
  entry_limit_.store(of.entry_bytes, std::memory_order_relaxed);
  const auto width = sketch_width(of.bytes, shard_count);
  for (std::size_t i = 0; i < shard_count; ++i) {
    auto& its = shards_[i];
    const std::lock_guard hold(its.mutex);
    bytes_.fetch_sub(its.sketch_bytes(), std::memory_order_relaxed);
    its.set_sketch(width);
    bytes_.fetch_add(its.sketch_bytes(), std::memory_order_relaxed);
  }
  // From each its share of what is too much; again, where some had less than that.
  for (std::size_t went = 1; went > 0 && missing(0) > 0;) {
    went = 0;
    for (std::size_t i = 0; i < shard_count; ++i) {
      entries gone;
      auto& its = shards_[i];
      const std::lock_guard hold(its.mutex);
      const auto share = (missing(0) + shard_count - i - 1) / (shard_count - i);
      const auto which = its.choose(share, std::numeric_limits<double>::infinity(), {});
      bytes_.fetch_sub(its.remove_last(which.slots, {}, gone), std::memory_order_relaxed);
      went += which.slots;
    }
  }
}

// What is there and no longer good goes to `gone`.
cache_entry_ptr result_store::look_up(result_shard& its, const cache_key& key, steady::time_point now,
                                      cache_entry_ptr& gone) {
  auto* known = its.find(hash_of(key));
  if (!known || known->entry->key != key.bytes) return nullptr;
  if (now < known->entry->until && known->entry->holds()) {
    its.hit(*known);
    return known->entry;
  }
  ++its.counts.stale;
  bytes_.fetch_sub(known->bytes, std::memory_order_relaxed);
  gone = its.remove(hash_of(key)).entry;
  return nullptr;
}

cache_entry_ptr result_store::hit(const cache_key& key, steady::time_point now) {
  cache_entry_ptr gone;
  auto& its = shard_of(key);
  const std::lock_guard hold(its.mutex);
  its.age(now);
  return look_up(its, key, now, gone);
}

bool result_store::holds(const cache_key& key, steady::time_point now) {
  auto& its = shard_of(key);
  const std::lock_guard hold(its.mutex);
  const auto* known = its.find(hash_of(key));
  return known && known->entry->key == key.bytes && now < known->entry->until && known->entry->holds();
}

result_store::found result_store::find(const cache_key& key, steady::time_point now, bool may_wait) {
  cache_entry_ptr gone;
  const auto of = hash_of(key);
  auto& its = shard_of(key);
  const std::lock_guard hold(its.mutex);
  its.age(now);
  if (auto known = look_up(its, key, now, gone)) return {.hit = std::move(known)};
  its.missed(of);
  may_wait = may_wait && !its.is_apart(of, now);
  if (may_wait) {
    if (auto flight = its.flying(of)) {
      its.want(of);
      ++its.counts.waited;
      return {.flight = std::move(flight)};
    }
  }
  ++its.counts.misses;
  if (!may_wait) return {};
  return {.flight = its.take_off(of), .ours = true};
}

void result_store::keep_apart(const cache_key& key, steady::time_point now) {
  constexpr std::chrono::minutes a_while{1};
  auto& its = shard_of(key);
  const std::lock_guard hold(its.mutex);
  its.keep_apart(hash_of(key), now + a_while);
}

result_store::put_result result_store::put(cache_entry_ptr fresh, const cache_key& key, steady::time_point now) {
  result_shard::entries gone;
  const auto of = hash_of(key);
  const auto own_bytes = fresh->bytes(), bytes = own_bytes + result_shard::slot_bytes;
  auto& its = shard_of(key);
  // More than once, where others take the room that was made.
  for (int attempt = 0; attempt < 3; ++attempt) {
    double value = 0;
    {
      const std::lock_guard hold(its.mutex);
      its.age(now);
      if (const auto no = refusal(its, *fresh, of, own_bytes, now)) return *no;
      result_shard::slot slot{.bytes = bytes, .seen = std::max(its.seen(of), 1.0)};
      if (const auto* before = its.find(of)) {
        slot.seen = std::max(slot.seen, its.seen(*before));
        if (before->entry->key == key.bytes) slot.hits = before->hits;
        bytes_.fetch_sub(before->bytes, std::memory_order_relaxed);
        gone.push_back(its.remove(of).entry);
      }
      value = result_shard::value(*fresh, bytes, slot.seen);
      auto room = reserve(bytes);
      if (!room) {
        const auto need = missing(bytes);
        const auto which = its.choose(need, value, now);
        if (which.bytes >= need) {
          bytes_.fetch_sub(its.remove_last(which.slots, now, gone), std::memory_order_relaxed);
          room = reserve(bytes);
        } else if (its.bytes() > bytes_limit_.load(std::memory_order_relaxed) / shard_count / 2) {
          break;
        }
      }
      if (room) {
        slot.entry = std::move(fresh);
        its.insert(of, std::move(slot));
        ++its.counts.fills;
        return put_result::kept;
      }
    }
    if (!make_room_anywhere(missing(bytes), value, now, gone)) break;
  }
  const std::lock_guard hold(its.mutex);
  ++its.counts.no_room;
  return put_result::no_room;
}

std::optional<result_store::put_result> result_store::refusal(result_shard& its, const cache_entry& fresh,
                                                              const hash_type& of, std::size_t bytes,
                                                              steady::time_point now) const {
  if (bytes > entry_limit_.load(std::memory_order_relaxed)) {
    ++its.counts.too_large;
    return put_result::too_large;
  }
  if (now >= fresh.until || !fresh.holds()) {
    ++its.counts.outdated;
    return put_result::outdated;
  }
  if (its.seen(of) < 2 && !its.wanted(of) && its.find(of) == nullptr) {
    ++its.counts.first_misses;
    return put_result::first_miss;
  }
  return std::nullopt;
}

// A shard may hold little where results are large: what all have that is worth less, chosen first and taken then.
bool result_store::make_room_anywhere(std::size_t need, double value, steady::time_point now, entries& gone) {
  std::array<std::vector<hash>, shard_count> those;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < shard_count && bytes < need; ++i) {
    auto& its = shards_[i];
    const std::lock_guard hold(its.mutex);
    const auto which = its.choose(need - bytes, value, now);
    bytes += which.bytes;
    for (auto last = its.all().end() - static_cast<std::ptrdiff_t>(which.slots); last != its.all().end(); ++last)
      those[i].push_back((*last)->first);
  }
  if (bytes < need) return false;
  for (std::size_t i = 0; i < shard_count; ++i) {
    auto& its = shards_[i];
    const std::lock_guard hold(its.mutex);
    for (const auto& of : those[i]) {
      const auto* known = its.find(of);
      if (known == nullptr) continue;
      bytes_.fetch_sub(known->bytes, std::memory_order_relaxed);
      gone.push_back(its.remove(of).entry);
      ++its.counts.evictions;
    }
  }
  return true;
}

result_store::counts result_store::count() const {
  counts sum;
  for (std::size_t i = 0; i < shard_count; ++i) {
    auto& its = shards_[i];
    const std::lock_guard hold(its.mutex);
    const auto& of = its.counts;
    sum.entries += its.all().size();
    sum.bytes += its.bytes() + its.sketch_bytes();
    sum.hits += of.hits;
    sum.misses += of.misses;
    sum.stale += of.stale;
    sum.fills += of.fills;
    sum.first_misses += of.first_misses;
    sum.outdated += of.outdated;
    sum.too_large += of.too_large;
    sum.no_room += of.no_room;
    sum.evictions += of.evictions;
    sum.waited += of.waited;
    sum.saved_us += of.saved_us;
  }
  return sum;
}

std::size_t result_store::flush(const std::function<bool(const cache_entry&)>& which) {
  std::size_t went = 0;
  for (std::size_t i = 0; i < shard_count; ++i) {
    entries gone;
    auto& its = shards_[i];
    const std::lock_guard hold(its.mutex);
    for (auto place = its.all().size(); place-- > 0;) {
      const auto& [of, slot] = *its.all()[place];
      if (!which(*slot.entry)) continue;
      bytes_.fetch_sub(slot.bytes, std::memory_order_relaxed);
      gone.push_back(its.remove(hash(of)).entry);
    }
    went += gone.size();
  }
  return went;
}

std::vector<result_store::listed> result_store::top(std::size_t most) const {
  const auto dearer = [](const listed& one, const listed& other) { return one.value > other.value; };
  std::vector<listed> all;
  for (std::size_t i = 0; i < shard_count; ++i) {
    auto& its = shards_[i];
    const std::lock_guard hold(its.mutex);
    std::vector<std::pair<double, const result_shard::slot*>> here;
    here.reserve(its.all().size());
    for (const auto* each : its.all())
      here.emplace_back(its.value(each->second), &each->second);
    const auto end = here.begin() + static_cast<std::ptrdiff_t>(std::min(most, here.size()));
    std::partial_sort(here.begin(), end, here.end(), std::greater<>());
    for (auto each = here.begin(); each != end; ++each)
      all.push_back({each->second->entry, each->second->hits, each->first});
  }
  std::sort(all.begin(), all.end(), dearer);
  if (all.size() > most) all.resize(most);
  return all;
}

}  // namespace forebay
