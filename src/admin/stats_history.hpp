#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

// Totals by database and their averages over a recent period. Pure but for its mutex; any thread.
//
// PgBouncer takes a sample every stats_period. Here a sample is taken when somebody asks and the last one is at least
// `period` old; averages run from the sample before that, so they always cover at least `period`, or all the time
// since the start when that is shorter.
namespace forebay::admin {

struct totals {
  // In the order of PgBouncer's columns.
  enum index : std::size_t {
    server_assignments,
    transactions,
    queries,
    received,
    sent,
    transaction_us,
    query_us,
    wait_us,
    client_parses,
    server_parses,
    binds,
    count
  };
  std::array<std::uint64_t, count> values{};

  std::uint64_t& operator[](index i) { return values[i]; }
  std::uint64_t operator[](index i) const { return values[i]; }
  totals& operator+=(const totals& other);
};

// Counts, bytes and waiting per second; transaction_us and query_us per transaction and per query.
totals averages(const totals& then, const totals& now, std::chrono::microseconds between);

class stats_history {
 public:
  using clock = std::chrono::system_clock;
  static constexpr std::chrono::seconds period{15};

  struct line {
    totals total;
    totals average;
  };

  struct report {
    std::map<std::string, line> by_database;
    line all;
  };

  explicit stats_history(clock::time_point started) : older_{started, {}}, newer_{started, {}} {}

  report update(std::map<std::string, totals> now_totals, clock::time_point now);

 private:
  struct sample {
    clock::time_point at;
    std::map<std::string, totals> by_database;
  };
  std::mutex mutex_;
  sample older_;  // guarded by mutex_
  sample newer_;
};

}  // namespace forebay::admin
