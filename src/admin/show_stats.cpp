#include "admin/functions.hpp"

namespace forebay::admin {
namespace {

constexpr const char* total_names[] = {
    "total_server_assignment_count", "total_xact_count", "total_query_count", "total_received", "total_sent",
    "total_xact_time", "total_query_time", "total_wait_time", "total_client_parse_count", "total_server_parse_count",
    "total_bind_count"};
constexpr const char* average_names[] = {
    "avg_server_assignment_count", "avg_xact_count", "avg_query_count", "avg_recv", "avg_sent", "avg_xact_time",
    "avg_query_time", "avg_wait_time", "avg_client_parse_count", "avg_server_parse_count", "avg_bind_count"};
static_assert(std::size(total_names) == totals::count && std::size(average_names) == totals::count);

totals totals_of(const pool& p) {
  totals sum;
  const auto read = [](const traffic::counter& c) { return c.load(std::memory_order_relaxed); };
  for (const auto& t : p.all_traffic()) {
    sum[totals::server_assignments] += read(t.checkouts);
    sum[totals::transactions] += read(t.transactions);
    sum[totals::queries] += read(t.queries);
    sum[totals::received] += read(t.bytes_from_clients);
    sum[totals::sent] += read(t.bytes_to_clients);
    sum[totals::transaction_us] += read(t.transaction_us);
    sum[totals::query_us] += read(t.query_us);
    sum[totals::wait_us] += read(t.wait_us);
  }
  return sum;
}

stats_history::report report_of(const invocation& in) {
  std::map<std::string, totals> by_database;
  for (const auto& e : in.process().pools.all()) by_database[e.database] += totals_of(*e.pool);
  auto& console = by_database["forebay"];
  console[totals::transactions] = console[totals::queries] = in.shared->commands.load(std::memory_order_relaxed);
  return in.shared->stats.update(std::move(by_database), std::chrono::system_clock::now());
}

void append(row& r, const totals& t) {
  for (const auto value : t.values) r.push_back(number(value));
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

void show_stats_totals(invocation in) { in.done(half(in, &stats_history::line::total)); }
void show_stats_averages(invocation in) { in.done(half(in, &stats_history::line::average)); }

void show_totals(invocation in) {
  const auto [total, average] = report_of(in).all;
  outcome out;
  for (std::size_t i = 0; i < totals::count; ++i) out.rows.push_back({std::string(total_names[i]), number(total.values[i])});
  for (std::size_t i = 0; i < totals::count; ++i) out.rows.push_back({std::string(average_names[i]), number(average.values[i])});
  in.done(std::move(out));
}

}  // namespace forebay::admin
