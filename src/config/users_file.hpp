#pragma once

#include <string>
#include <string_view>

#include "config/report.hpp"

namespace forebay::config {

// Lines of PgBouncer's format: "name" "password or stored secret", a quote inside written twice, the rest of the line
// and lines starting with ; or # ignored. A name that [[user]] gives without password gets it from here; others are
// appended.
void read_users(std::string_view text, const std::string& source, settings& into, report& out);

}  // namespace forebay::config
