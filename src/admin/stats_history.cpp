#include "admin/stats_history.hpp"

namespace forebay::admin {

totals& totals::operator+=(const totals& other) {
  for (std::size_t i = 0; i < count; ++i)
    values[i] += other.values[i];
  return *this;
}

totals averages(const totals& then, const totals& now, std::chrono::microseconds between) {
  totals out;
  if (between.count() <= 0) return out;
  const auto grown = [&](std::size_t i) {
    return now.values[i] > then.values[i] ? now.values[i] - then.values[i] : 0;  // a pool that went takes its counts
  };
  for (std::size_t i = 0; i < totals::count; ++i) {
    out.values[i] =
        static_cast<std::uint64_t>(static_cast<double>(grown(i)) * 1e6 / static_cast<double>(between.count()));
  }
  const auto each = [&](totals::index time, totals::index events) {
    const auto count = grown(events);
    out[time] = count == 0 ? 0 : grown(time) / count;
  };
  each(totals::transaction_us, totals::transactions);
  each(totals::query_us, totals::queries);
  return out;
}

stats_history::report stats_history::update(std::map<std::string, totals> now_totals, clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (now - newer_.at >= period) {
    older_ = std::move(newer_);
    newer_ = {now, now_totals};
  }
  const auto between = std::chrono::duration_cast<std::chrono::microseconds>(now - older_.at);
  report out;
  totals then_all;
  for (const auto& [database, total] : now_totals) {
    const auto& then = older_.by_database[database];
    out.by_database[database] = {total, averages(then, total, between)};
    out.all.total += total;
    then_all += then;
  }
  out.all.average = averages(then_all, out.all.total, between);
  return out;
}

}  // namespace forebay::admin
