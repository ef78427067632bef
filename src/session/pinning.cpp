#include "session/pinning.hpp"

#include <array>
#include <bit>

namespace forebay {

std::string_view to_text(pin_reason reason) {
  static constexpr std::array<std::string_view, 9> names = {
      "",       "session_mode",       "setting", "advisory_lock", "temporary_table", "hold_cursor",
      "listen", "prepared_statement", "load"};
  return names[static_cast<std::size_t>(reason)];
}

pin_reason pin_before(effect::mask effects) {
  if (effects & effect::advisory_lock) return pin_reason::advisory_lock;
  if (effects & effect::temporary) return pin_reason::temporary_table;
  if (effects & effect::set_function) return pin_reason::setting;
  return pin_reason::none;
}

pin_reason pin_after(std::string_view tag, effect::mask effects) {
  if ((tag == "SET" || tag == "RESET") && (effects & (effect::setting | effect::several))) return pin_reason::setting;
  if (tag == "LISTEN") return pin_reason::listen;
  if (tag == "PREPARE") return pin_reason::prepared_statement;
  if (tag == "LOAD") return pin_reason::load;
  if (tag == "DECLARE CURSOR" && (effects & effect::hold_cursor)) return pin_reason::hold_cursor;
  return pin_reason::none;
}

pin_reason first_of(pin_mask reasons) {
  return static_cast<pin_reason>(reasons == 0 ? 0 : std::countr_zero(reasons));
}

bool may_unpin(std::string_view tag, effect::mask effects) {
  return (effects & effect::unlock) != 0 || tag == "ROLLBACK" || tag == "UNLISTEN" || tag == "DEALLOCATE" ||
         tag.starts_with("DROP ") || tag.starts_with("CLOSE CURSOR") || tag == "DISCARD TEMP";
}

std::string sql_to_find(pin_mask reasons) {
  struct source {
    pin_reason reason;
    std::string_view rows;
  };
  static constexpr std::array<source, 5> sources{{
      {pin_reason::advisory_lock,
       "pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid()"},
      {pin_reason::temporary_table,
       "pg_catalog.pg_depend WHERE refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass"
       " AND refobjid = pg_catalog.pg_my_temp_schema()"},
      {pin_reason::hold_cursor, "pg_catalog.pg_cursors WHERE is_holdable"},
      {pin_reason::listen, "pg_catalog.pg_listening_channels()"},
      // Those by the protocol that are not ours were given their names beside SQL's.
      {pin_reason::prepared_statement,
       "pg_catalog.pg_prepared_statements WHERE from_sql OR NOT pg_catalog.starts_with(name, 'forebay_')"},
  }};
  std::string sql;
  for (const auto& s : sources) {
    if (!(reasons & mask_of(s.reason))) continue;
    sql.append(sql.empty() ? "SELECT 1 FROM " : " UNION ALL SELECT 1 FROM ").append(s.rows);
    reasons &= ~mask_of(s.reason);
  }
  return reasons == 0 ? sql : std::string();
}

std::string sql_to_undo(pin_mask reasons) {
  if (reasons & mask_of(pin_reason::load)) return {};
  if (reasons & (mask_of(pin_reason::session_mode) | mask_of(pin_reason::setting))) return "DISCARD ALL";
  std::string sql;
  const auto add = [&](pin_reason reason, std::string_view undo) {
    if (reasons & mask_of(reason)) sql.append(sql.empty() ? "" : ";").append(undo);
  };
  add(pin_reason::advisory_lock, "SELECT pg_catalog.pg_advisory_unlock_all()");
  add(pin_reason::hold_cursor, "CLOSE ALL");  // before what they may read from
  add(pin_reason::temporary_table, "DISCARD TEMP");
  add(pin_reason::listen, "UNLISTEN *");
  add(pin_reason::prepared_statement, "DEALLOCATE ALL");
  return sql;
}

}  // namespace forebay
