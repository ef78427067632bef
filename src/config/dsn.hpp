#pragma once

#include <string_view>

#include "config/load.hpp"

namespace forebay::config {

// Settings without a file, from postgres://user:pass@h1:5432,h2:5432/db (PostgreSQL manual, "Connection URIs"): one
// cluster "main" whose nodes' roles are discovered, every database on it, and this one user, who is an administrator.
// With a password clients log in by SCRAM-SHA-256, without one by trust. The database after the slash is not needed, as
// clients name theirs. Errors have line 1 and the column in the DSN, and never repeat any of it.
loaded from_dsn(std::string_view dsn, const overrides& instead = {});

bool looks_like_dsn(std::string_view text);

}  // namespace forebay::config
