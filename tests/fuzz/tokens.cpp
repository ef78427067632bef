#include "admin/tokens.hpp"

#include "admin/command.hpp"
#include "admin/pause.hpp"
#include "input.hpp"

// The console's language: any text becomes statements and commands, or an error that does not repeat the whole text.
namespace forebay::fuzz {
namespace {

void run(std::string_view text) {
  auto parsed = admin::tokenize(text);
  expect(parsed.error.empty() || parsed.statements.empty());
  parsed.statements.resize(std::min<std::size_t>(parsed.statements.size(), 64));  // as many as the console takes
  std::size_t size = 0;
  for (const auto& statement : parsed.statements) {
    expect(!statement.empty());
    for (const auto& token : statement) {
      size += token.text.size();
      admin::parse_time(token.text);
    }
    const auto known = admin::resolve(statement);
    expect((known.what == nullptr) == known.error.has_value());
    if (known.what) expect(known.arguments.size() <= known.what->max_arguments);
    if (known.error) expect(known.error->message.size() < 200 && known.error->sqlstate.size() == 5);
    admin::parse_pause(statement);
    if (known.what) admin::parse_pause(known.arguments);
  }
  expect(size <= text.size());
}

std::vector<std::string> seeds() {
  return {"SHOW POOLS; show lists;;",
          "PAUSE \"my \"\"db\" TIMEOUT '5s'",
          "SET a = 'it''s'",
          "SHOW POLLS -- x\n/* /* */ */",
          "pause app timeout 250ms",
          "KILL_CLIENT 4294967296",
          "'",
          "/*",
          "SHUTDOWN WAIT_FOR_CLIENTS"};
}

const registered here{{"tokens", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
