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
void cache_clock::move(std::uint64_t ticket, bool own) {
  raise(ticket_, ticket);
  const auto position = positions.fetch_add(1, std::memory_order_seq_cst) + 1;
  if (own) raise(own_, position);
  raise(at_, position);
}

void cache_clock::wrote(std::uint64_t ticket) {
  auto* changes = of_ ? of_->changes() : nullptr;
  changes ? changes->note(*this, [&] { move(ticket, true); }) : move(ticket, true);
}

void cache_clock::heard(std::uint64_t ticket) {
  move(ticket, false);
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

void clock_changes::begin(std::function<void()> wake) {
  const std::lock_guard hold(mutex_);
  wake_ = std::move(wake);
  on_ = true;
}

void clock_changes::end() {
  const std::lock_guard hold(mutex_);
  on_ = false;
  wake_ = nullptr;
  for (auto* each : std::exchange(moved_, {}))
    each->noted_ = false;
}

clock_changes::taken clock_changes::take() {
  const std::lock_guard hold(mutex_);
  for (auto* each : moved_)
    each->noted_ = false;
  return {std::exchange(moved_, {}), cache_clock::now()};
}

void clock_changes::put_back(const std::vector<cache_clock*>& clocks) {
  const std::lock_guard hold(mutex_);
  for (auto* each : clocks)
    add(*each);
}

void cache_clocks::schema_changed(steady::time_point at) {
  schema_heard(at);
  altered_.wrote();
}

void cache_clocks::schema_heard(steady::time_point at) {
  raise(schema_, at.time_since_epoch().count());
}

cache_clock& cache_clocks::of(oid relation) {
  if (relation == whole) return all_;
  if (relation == of_schema) return altered_;
  const std::lock_guard hold(mutex_);
  auto& its = by_relation_[relation];
  if (!its) its = std::make_unique<cache_clock>(*this, relation);
  return *its;
}

void cache_clocks::for_each(const std::function<void(cache_clock&)>& visit) {
  visit(all_);
  visit(altered_);
  const std::lock_guard hold(mutex_);
  for (const auto& [relation, clock] : by_relation_)
    visit(*clock);
}

bool cache_clocks::has_written() {
  bool any = false;
  for_each([&](const cache_clock& each) { any = any || each.own() != 0; });
  return any;
}

std::string cache_clocks::shared_name() const {
  const std::lock_guard hold(mutex_);
  return shared_name_;
}

void cache_clocks::set_shared_name(std::string name) {
  const std::lock_guard hold(mutex_);
  shared_name_ = std::move(name);
}

}  // namespace forebay
