#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "core/lsn.hpp"

// What a node is asked, and what it says of itself. Any login may ask; one with pg_read_all_stats (pg_monitor) is told
// at once which timeline a replica receives, others find it out with its next restartpoint.
namespace forebay {

struct probe_answer {
  bool in_recovery = false;
  std::string system;          // pg_control_system().system_identifier
  std::uint32_t timeline = 0;  // it writes, or its wal receiver receives; 0: not known
  std::uint32_t on_disk = 0;   // of a replica: the highest that its control file tells of. May be late
  lsn position;                // written, or replayed
  lsn received;                // of a replica
  bool receives = false;       // its wal receiver lives
  std::optional<std::chrono::milliseconds> since_replayed;  // age of the last transaction that it replayed
};

extern const char* const probe_sql;
std::optional<probe_answer> parse_probe(std::span<const std::string> row);

// Only how far it is. Cheap, for many times a second.
struct position_answer {
  bool in_recovery = false;
  lsn position;
};

extern const char* const position_sql;
std::optional<position_answer> parse_position(std::span<const std::string> row);

}  // namespace forebay
