#include "routing/probe.hpp"

#include <charconv>

namespace forebay {
namespace {

template <class Number>
std::optional<Number> number(std::string_view text, int base = 10) {
  Number value{};
  const auto* end = text.data() + text.size();
  const auto [at, ec] = std::from_chars(text.data(), end, value, base);
  return ec == std::errc{} && at == end ? std::optional(value) : std::nullopt;
}

}  // namespace

// `offset 0`: asked once, so that a promotion in between does not make two answers of it. A name of a WAL file begins
// with the timeline in 8 hexadecimal digits.
const char* const probe_sql = R"(
select r, (select system_identifier from pg_catalog.pg_control_system()),
       case when r then '' else pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8) end,
       case when r then pg_catalog.pg_last_wal_replay_lsn() else pg_catalog.pg_current_wal_insert_lsn() end,
       case when r then pg_catalog.pg_last_wal_receive_lsn() end,
       (select received_tli from pg_catalog.pg_stat_get_wal_receiver()),
       case when r then greatest((select timeline_id from pg_catalog.pg_control_checkpoint()),
                                 (select min_recovery_end_timeline from pg_catalog.pg_control_recovery())) end,
       exists (select from pg_catalog.pg_stat_get_wal_receiver() where pid is not null),
       case when r then pg_catalog.trunc(1000 * extract(epoch from
         pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp())::numeric) end
from (select pg_catalog.pg_is_in_recovery() as r offset 0) as me)";

std::optional<probe_answer> parse_probe(std::span<const std::string> row) {
  if (row.size() != 9 || (row[0] != "t" && row[0] != "f") || row[1].empty()) return std::nullopt;
  probe_answer made{.in_recovery = row[0] == "t", .system = row[1]};
  // A replica that has replayed nothing yet has no position.
  const auto position = lsn::parse(row[3]);
  if (!position && !(made.in_recovery && row[3].empty())) return std::nullopt;
  made.position = position.value_or(lsn{});
  made.received = lsn::parse(row[4]).value_or(lsn{});
  made.timeline = (made.in_recovery ? number<std::uint32_t>(row[5]) : number<std::uint32_t>(row[2], 16)).value_or(0);
  made.on_disk = number<std::uint32_t>(row[6]).value_or(0);
  made.receives = row[7] == "t";
  if (const auto age = number<std::int64_t>(row[8]))
    made.since_replayed = std::chrono::milliseconds(std::max<std::int64_t>(*age, 0));
  return made;
}

const char* const position_sql =
    "select r, case when r then pg_catalog.pg_last_wal_replay_lsn() else pg_catalog.pg_current_wal_insert_lsn() end "
    "from (select pg_catalog.pg_is_in_recovery() as r offset 0) as me";

std::optional<position_answer> parse_position(std::span<const std::string> row) {
  if (row.size() != 2) return std::nullopt;
  const auto position = lsn::parse(row[1]);
  if (!position) return std::nullopt;
  return position_answer{row[0] == "t", *position};
}

}  // namespace forebay
