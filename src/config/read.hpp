#pragma once

#include "config/report.hpp"

namespace forebay::config {

// Reads the whole document into `into` by the table in keys.hpp, and reports what the table does not allow.
void read_document(const table& root, settings& into, report& out);

}  // namespace forebay::config
