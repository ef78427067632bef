#include "config/dsn.hpp"

#include "input.hpp"

// A DSN of any bytes: settings with a user and nodes, or mistakes at columns of it.
namespace forebay::fuzz {
namespace {

void run(std::string_view text) {
  config::looks_like_dsn(text);
  const auto loaded = config::from_dsn(text);
  expect(loaded.settings.has_value() == loaded.errors.empty());
  for (const auto& p : loaded.errors) {
    expect(p.line == 1 && p.column >= 1 && p.column <= text.size() + 1);
    // What cannot be read is not repeated, as a password may be anywhere in it. A host that is there twice is named.
    expect(!p.text.starts_with("DSN: ") || p.text.find("sEcReT") == std::string::npos);
  }
  if (!loaded.settings) return;
  expect(loaded.settings->users.size() == 1 && !loaded.settings->users[0].name.empty());
  expect(loaded.settings->clusters.size() == 1 && !loaded.settings->clusters[0].nodes.empty());
}

std::vector<std::string> seeds() {
  return {"postgres://app:sEcReT@h1:5432,h2/db?sslmode=prefer",
          "postgresql://a%20b:sEcReT%2f@[::1]:5433,/",
          "postgres://app@",
          "postgres://app:sEcReT/@h",
          "postgres://app@h:sEcReT",
          "postgres://app@h/?sEcReT",
          "host=h",
          "postgres://a@h?sslmode=require&x=%4"};
}

const registered here{{"dsn", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
