#include "cache/clock.hpp"

namespace forebay {

namespace {

template <class Number>
void raise(std::atomic<Number>& to_at_least, Number value) {
  auto is = to_at_least.load(std::memory_order_seq_cst);
  while (is < value && !to_at_least.compare_exchange_weak(is, value, std::memory_order_seq_cst)) {
  }
}

}  // namespace

std::atomic<std::uint64_t> cache_clock::positions{0};

// The ticket first: who has a fence that covers this write sees its ticket too.
void cache_clock::wrote(std::uint64_t ticket) {
  raise(ticket_, ticket);
  raise(at_, positions.fetch_add(1, std::memory_order_seq_cst) + 1);
}

// Once found it stays: `written` moves on with whatever is written elsewhere.
std::optional<lsn> cache_clock::position(std::uint64_t covered, lsn written) {
  const auto ticket = ticket_.load(std::memory_order_seq_cst);
  const std::lock_guard hold(mutex_);
  if (known_for_ < ticket) {
    if (ticket > covered) return std::nullopt;
    known_for_ = ticket;
    position_ = written;
  }
  return position_;
}

void cache_clocks::schema_changed(steady::time_point at) {
  raise(schema_, at.time_since_epoch().count());
}

cache_clock& cache_clocks::of(oid relation) {
  const std::lock_guard hold(mutex_);
  auto& its = by_relation_[relation];
  if (!its) its = std::make_unique<cache_clock>();
  return *its;
}

}  // namespace forebay
