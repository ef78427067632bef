#pragma once

#include <string>
#include <string_view>

#include "protocol/wire/framer.hpp"

// Messages as text, one line each (without its end), in the manner of libpq's PQtrace: sender, length field, name,
// fields.
//
//   F 13 Query "select 1"
//   B 11 DataRow 1 1 '1'
//   B 5 ReadyForQuery I
//
// Bytes outside printable ASCII come as \xNN, so a line stays a line. Passwords, SASL data and cancel keys are never
// shown.
namespace forebay::wire {

enum class sender : char { frontend = 'F', backend = 'B' };

std::string trace(sender from, char type, std::string_view body);
// A piece of a large message: the first gives its name and "...", the others nothing.
std::string trace(sender from, const piece& p);
// The first packets of a connection, which have no type; `body` as for decode_startup_packet.
std::string trace_startup(std::string_view body);

}  // namespace forebay::wire
