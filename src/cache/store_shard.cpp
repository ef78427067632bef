#include "cache/store_shard.hpp"

#include <algorithm>
#include <cmath>

namespace forebay {

namespace {

constexpr double worthless = -1;

}  // namespace

// By time, and by misses too: a sketch that is too full takes every key for one seen before.
void result_shard::age(steady::time_point now) {
  const auto times = now > aged_ ? (now - aged_) / half_life : 0;
  if (times == 0 && sketch_.added() < sketch_.width()) return;
  aged_ = times == 0 ? now : aged_ + times * half_life;
  const auto halvings = static_cast<std::uint32_t>(std::clamp<std::int64_t>(times, 1, 8));
  sketch_.halve(halvings);
  epoch_ += halvings;
}

void result_shard::set_sketch(std::size_t width) {
  if (sketch_.width() != width) sketch_ = frequency_sketch(width);
}

result_shard::slot* result_shard::find(const hash& of) {
  const auto known = by_hash_.find(of);
  return known == by_hash_.end() ? nullptr : &known->second;
}

void result_shard::hit(slot& one) {
  one.seen = std::min<double>(seen(one) + 1, frequency_sketch::most);  // a newcomer cannot have more
  one.epoch = epoch_;
  ++one.hits;
  ++counts.hits;
  counts.saved_us += static_cast<std::uint64_t>(std::max<std::int64_t>(one.entry->cost.count(), 0));
}

double result_shard::seen(const slot& one) const {
  const auto epochs = epoch_ - one.epoch;
  return epochs == 0 ? one.seen : std::ldexp(one.seen, -static_cast<int>(std::min<std::uint32_t>(epochs, 1000)));
}

double result_shard::value(const cache_entry& entry, std::size_t bytes, double seen) {
  return seen * static_cast<double>(std::max<std::int64_t>(entry.cost.count(), 1)) / static_cast<double>(bytes);
}

double result_shard::worth(const slot& one, steady::time_point now) const {
  return now < one.entry->until && one.entry->holds() ? value(one) : worthless;
}

void result_shard::insert(const hash& of, slot fresh) {
  fresh.epoch = epoch_;
  fresh.place = static_cast<std::uint32_t>(all_.size());
  bytes_ += fresh.bytes;
  const auto at = by_hash_.insert_or_assign(of, std::move(fresh)).first;
  all_.push_back(&*at);
}

result_shard::slot result_shard::remove(const hash& of) {
  const auto known = by_hash_.find(of);
  swap_places(known->second.place, all_.size() - 1);
  all_.pop_back();
  auto gone = std::move(known->second);
  by_hash_.erase(known);
  bytes_ -= gone.bytes;
  sketch_.at_least(of, static_cast<unsigned>(std::min<double>(seen(gone), frequency_sketch::most)));
  if (by_hash_.bucket_count() > 64 && all_.size() < by_hash_.bucket_count() / 8) {
    by_hash_.rehash(2 * all_.size());
    all_.shrink_to_fit();
  }
  return gone;
}

result_shard::chosen result_shard::choose(std::size_t need, double most, steady::time_point now) {
  chosen those;
  for (auto left = all_.size(); left > 0 && those.bytes < need; --left) {
    auto least = std::numeric_limits<double>::infinity();
    std::size_t which = left;
    for (std::size_t sample = 0; sample < samples && least > worthless; ++sample) {
      const auto place = random_.below(left);
      const auto its = worth(all_[place]->second, now);
      if (which != left && its >= least) continue;
      least = its;
      which = place;
    }
    if (least > most) break;
    swap_places(which, left - 1);
    those.bytes += all_[left - 1]->second.bytes;
    ++those.slots;
  }
  return those;
}

std::size_t result_shard::remove_last(std::size_t slots, steady::time_point now, entries& gone) {
  const auto before = bytes_;
  for (; slots > 0; --slots) {
    const auto& last = *all_.back();
    ++(worth(last.second, now) > worthless ? counts.evictions : counts.stale);
    const auto of = last.first;
    gone.push_back(remove(of).entry);
  }
  return before - bytes_;
}

void result_shard::swap_places(std::size_t one, std::size_t other) {
  std::swap(all_[one], all_[other]);
  all_[one]->second.place = static_cast<std::uint32_t>(one);
  all_[other]->second.place = static_cast<std::uint32_t>(other);
}

cache_flight_ptr result_shard::flying(const hash& of) {
  const auto known = flights_.find(of);
  if (known == flights_.end()) return nullptr;
  auto its = known->second.under_way.lock();
  if (its && !its->ended()) return its;
  flights_.erase(known);
  return nullptr;
}

// Those that have ended, of keys that nobody asks for again, go when there are twice as many as were under way.
cache_flight_ptr result_shard::take_off(const hash& of) {
  if (flights_.size() >= flights_sweep_) {
    std::erase_if(flights_, [](const auto& each) {
      const auto its = each.second.under_way.lock();
      return !its || its->ended();
    });
    flights_sweep_ = 64 + 2 * flights_.size();
  }
  auto fresh = std::make_shared<cache_flight>();
  flights_[of] = {fresh, false};
  return fresh;
}

bool result_shard::wanted(const hash& of) {
  return flying(of) != nullptr && flights_[of].wanted;
}

}  // namespace forebay
