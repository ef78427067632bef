#pragma once

#include "config/report.hpp"

namespace forebay::config {

// Lets the command line replace what was read; what is then wrong with it is reported there.
void apply(const overrides& instead, settings& s, report& out);

// What no single key can be blamed for: names used twice, references to nothing, values that exclude each other.
// Also fills in what follows from the rest (the "*" database, the only cluster).
void examine(settings& s, report& out);

// The same of everything about TLS (examine_tls.cpp), whose files are read by `make`.
void examine_tls(settings& s, const tls_maker& make, report& out);

}  // namespace forebay::config
