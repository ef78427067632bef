#include "admin/columns.hpp"
#include "admin/functions.hpp"

namespace forebay::admin {
namespace {

// SHOW STATS has the database, the totals, the averages; SHOW TOTALS has the same names as rows.
static_assert(std::size(shown::stats) == 1 + 2 * totals::count);

totals totals_of(const traffic_sum& t) {
  totals sum;
  sum[totals::server_assignments] = t.checkouts;
  sum[totals::transactions] = t.transactions;
  sum[totals::queries] = t.queries;
  sum[totals::received] = t.bytes_from_clients;
  sum[totals::sent] = t.bytes_to_clients;
  sum[totals::transaction_us] = t.transaction_us;
  sum[totals::query_us] = t.query_us;
  sum[totals::wait_us] = t.wait_us;
  return sum;
}

stats_history::report report_of(const invocation& in) {
  std::map<std::string, totals> by_database;
  for (const auto& [database, sum] : in.process().pools.traffic_by_database())
    by_database[database] = totals_of(sum);
  auto& console = by_database["forebay"];
  console[totals::transactions] = console[totals::queries] = in.shared->commands.load(std::memory_order_relaxed);
  return in.shared->stats.update(std::move(by_database), std::chrono::system_clock::now());
}

void append(row& r, const totals& t) {
  for (const auto value : t.values)
    r.push_back(number(value));
}

outcome half(const invocation& in, totals stats_history::line::*which) {
  outcome out;
  const auto report = report_of(in);
  for (const auto& [database, line] : report.by_database) {
    append(out.rows.emplace_back(row{database}), line.*which);
  }
  return out;
}

}  // namespace

void show_stats(invocation in) {
  outcome out;
  const auto report = report_of(in);
  for (const auto& [database, line] : report.by_database) {
    auto& r = out.rows.emplace_back(row{database});
    append(r, line.total);
    append(r, line.average);
  }
  in.done(std::move(out));
}

void show_stats_totals(invocation in) {
  in.done(half(in, &stats_history::line::total));
}
void show_stats_averages(invocation in) {
  in.done(half(in, &stats_history::line::average));
}

void show_totals(invocation in) {
  const auto all = report_of(in).all;
  row values;
  append(values, all.total);
  append(values, all.average);
  outcome out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    out.rows.push_back({std::string(shown::stats[1 + i].name), values[i]});
  }
  in.done(std::move(out));
}

}  // namespace forebay::admin
