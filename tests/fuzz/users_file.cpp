#include "config/users_file.hpp"

#include "config/config.hpp"
#include "input.hpp"

// A users_file of any bytes: users, or mistakes at its lines; the passwords are in no message.
namespace forebay::fuzz {
namespace {

void run(std::string_view text) {
  config::report out("f.toml");
  config::settings into;
  into.users = {{.name = "app"}, {.name = "known", .password = "p"}};
  config::read_users(text, "users.txt", into, out);
  const auto lines = 1 + std::count(text.begin(), text.end(), '\n');
  expect(into.users.size() >= 2 && into.users.size() <= 2 + static_cast<std::size_t>(lines));
  for (const auto& u : into.users)
    expect(u.password.empty() || u.secret.empty());
  const auto loaded = out.finish(into);
  for (const auto& p : loaded.errors) {
    expect(p.source == "users.txt" && p.line >= 1 && p.line <= lines);
    expect(config::to_string(p).find("sEcReT") == std::string::npos);
  }
}

std::vector<std::string> seeds() {
  return {"\"app\" \"sEcReT\"\n; remark\n\"b\" \"md50123456789abcdef0123456789abcdef\" rest\r\n",
          "\"a\"\"b\" \"SCRAM-SHA-256$4096:c2FsdA==$AAAA:BBBB\"\n# x\n\n", "\"known\" \"sEcReT", "app sEcReT"};
}

const registered here{{"users_file", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
