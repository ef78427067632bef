#include "admin/stats_history.hpp"

#include <doctest/doctest.h>

namespace forebay::admin {
namespace {

using std::chrono::seconds;

const stats_history::clock::time_point start{seconds(1000)};

totals some(std::uint64_t transactions, std::uint64_t time) {
  totals t;
  t[totals::transactions] = transactions;
  t[totals::transaction_us] = time;
  t[totals::wait_us] = time;
  return t;
}

TEST_CASE("averages are per second, times per transaction, waiting per second") {
  const auto a = averages(some(10, 1000), some(30, 5000), seconds(4));
  CHECK(a[totals::transactions] == 5);
  CHECK(a[totals::transaction_us] == 200);
  CHECK(a[totals::wait_us] == 1000);
  CHECK(a[totals::query_us] == 0);
  CHECK(averages({}, some(1, 1), seconds(0))[totals::transactions] == 0);
  CHECK(averages(some(9, 9), some(1, 1), seconds(1))[totals::transactions] == 0);  // counts were lost
}

TEST_CASE("averages run from the start, then from a sample at least a period old") {
  stats_history history(start);
  const auto rate = [&](std::uint64_t transactions, int at) {
    const auto report = history.update({{"app", some(transactions, 0)}}, start + seconds(at));
    CHECK(report.by_database.at("app").total[totals::transactions] == transactions);
    return report.by_database.at("app").average[totals::transactions];
  };
  CHECK(rate(100, 10) == 10);  // since the start
  CHECK(rate(200, 20) == 10);  // since the start; a sample is taken
  CHECK(rate(200, 30) == 6);   // since the start: the sample is too young
  CHECK(rate(320, 40) == 6);   // since second 20: 120 in 20 s; a sample is taken
  CHECK(rate(420, 45) == 8);   // since second 20: 220 in 25 s
}

TEST_CASE("all databases together") {
  stats_history history(start);
  const auto report = history.update({{"a", some(10, 1000)}, {"b", some(30, 1000)}}, start + seconds(10));
  CHECK(report.all.total[totals::transactions] == 40);
  CHECK(report.all.average[totals::transactions] == 4);
  CHECK(report.all.average[totals::transaction_us] == 50);
}

}  // namespace
}  // namespace forebay::admin
