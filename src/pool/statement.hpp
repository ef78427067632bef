#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/sql_effects.hpp"

// A prepared statement as Forebay knows it: one object per text, parameter types and reading in the whole process,
// however many clients prepared it and under whatever names. Its name on servers is made from its digest, so every
// server that has it has it under the same name.
namespace forebay {

struct statement {
  std::string server_name;  // "forebay_" and 32 hex digits; empty for the unnamed statement
  std::string query;
  std::string parameter_types;  // as in Parse: a count and that many type oids (manual, "Message Formats")
  sql_effects_ptr effects;      // what executing it may do to the session's state
  std::string reading = {};     // its text means other things to sessions where this is another (reading_of())
};

using statement_ptr = std::shared_ptr<const statement>;

// All server_names begin so; a client's own name that does is never mistaken for one, as names are mapped, not trusted.
inline constexpr std::string_view statement_prefix = "forebay_";
inline constexpr std::string_view no_statement = statement_prefix;  // a name that no statement has
inline constexpr std::size_t statement_name_size = statement_prefix.size() + 32;

// The statement of this text and types; made when nobody has it, null when there is no room for it. Any thread.
// `reading`: what the meaning of the text, and its effects, depend on besides.
statement_ptr intern_statement(std::string_view query, std::string_view parameter_types, sql_effects_ptr effects,
                               std::string_view reading = {});

// Bytes that all shared statements may take together: clients that prepare without end fill no more.
void limit_statements(std::size_t bytes);
std::size_t statement_bytes();

// For the unnamed statement: belongs to one session, is not shared and has no server_name.
statement_ptr unnamed_statement(std::string_view query, std::string_view parameter_types, sql_effects_ptr effects,
                                std::string reading = {});

}  // namespace forebay
