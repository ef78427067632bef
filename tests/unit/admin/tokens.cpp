#include "admin/tokens.hpp"

#include <doctest/doctest.h>

#include "admin/command.hpp"
#include "admin/pause.hpp"

namespace forebay::admin {
namespace {

// Statements as "word|word" texts.
std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  for (const auto& statement : tokenize(text).statements) {
    auto& line = out.emplace_back();
    for (const auto& t : statement)
      line += (line.empty() ? "" : "|") + t.text;
  }
  return out;
}

resolved resolve_text(std::string_view text) {
  const auto tokens = tokenize(text);
  REQUIRE(tokens.statements.size() == 1);
  return resolve(tokens.statements[0]);
}

std::string_view command_of(std::string_view text) {
  const auto found = resolve_text(text);
  return found.what ? found.what->words : "";
}

using lines = std::vector<std::string>;

TEST_CASE("text becomes statements of tokens") {
  CHECK(words("show pools") == lines{"show|pools"});
  CHECK(words("SHOW\tPOOLS;\n  SHOW LISTS ;;") == lines{"SHOW|POOLS", "SHOW|LISTS"});
  CHECK(words("PAUSE \"my \"\"db\"\"\" TIMEOUT '5s'") == lines{"PAUSE|my \"db\"|TIMEOUT|5s"});
  CHECK(words("KILL my-db.x_1") == lines{"KILL|my-db.x_1"});
  CHECK(words("SET a='it''s'") == lines{"SET|a|=|it's"});
  CHECK(words("SHOW/* a /* nested */ b */POOLS -- the end; SHOW LISTS") == lines{"SHOW|POOLS"});
  CHECK(words("-- only\n/* comments */ ;;; ") == lines{});
  CHECK(words("") == lines{});
}

TEST_CASE("what has no end is an error") {
  CHECK(tokenize("SHOW 'POOLS").error == "unterminated quoted string");
  CHECK(tokenize("SHOW \"POOLS").error == "unterminated quoted identifier");
  CHECK(tokenize("/* /* */").error == "unterminated /* comment");
  CHECK(tokenize("SHOW POOLS; '").statements.empty());
}

TEST_CASE("statements become commands, in any case") {
  CHECK(command_of("sHoW pOoLs") == "SHOW POOLS");
  CHECK(command_of("SHOW STATS_TOTALS") == "SHOW STATS_TOTALS");
  CHECK(command_of("show client_encoding") == "SHOW CLIENT_ENCODING");
  CHECK(command_of("PAUSE") == "PAUSE");
  CHECK(command_of("pause app") == "PAUSE");
  CHECK(command_of("KILL_CLIENT 5") == "KILL_CLIENT");
  CHECK(resolve_text("pause \"App\"").arguments[0].text == "App");
  CHECK(command_of("SHOW") == "");
  CHECK(command_of("\"SHOW\" POOLS") == "");
  CHECK(command_of("SHOW 'POOLS'") == "");
}

TEST_CASE("an unknown command names the nearest and the help") {
  const auto wrong = resolve_text("SHOW POLLS");
  REQUIRE(wrong.error);
  CHECK(wrong.error->sqlstate == "42601");
  CHECK(wrong.error->message == "unknown command \"SHOW POLLS\"");
  CHECK(wrong.error->hint == "Did you mean SHOW POOLS? SHOW HELP lists the commands.");
  CHECK(resolve_text("relod").error->hint == "Did you mean RELOAD? SHOW HELP lists the commands.");
  CHECK(resolve_text(std::string(100'000, 'x')).error->message.size() < 100);
}

TEST_CASE("too many arguments are refused with the usage") {
  const auto wrong = resolve_text("RELOAD now");
  REQUIRE(wrong.error);
  CHECK(wrong.error->sqlstate == "42601");
  CHECK(resolve_text("RESUME a b").error->hint == "Usage: RESUME [<db>]");
}

TEST_CASE("PAUSE's arguments") {
  const auto parsed = [](std::string_view text) { return parse_pause(resolve_text(text).arguments); };
  CHECK_FALSE(parsed("PAUSE")->database);
  CHECK(parsed("PAUSE app")->database->text == "app");
  CHECK(parsed("PAUSE app")->timeout.count() == 0);
  CHECK(parsed("PAUSE app TIMEOUT '5s'")->timeout == std::chrono::seconds(5));
  CHECK(parsed("PAUSE TIMEOUT 250ms")->timeout == std::chrono::milliseconds(250));
  CHECK_FALSE(parsed("PAUSE TIMEOUT 250ms")->database);
  CHECK(parsed("PAUSE \"timeout\"")->database->text == "timeout");
  CHECK_FALSE(parsed("PAUSE TIMEOUT"));
  CHECK_FALSE(parsed("PAUSE app TIMEOUT soon"));
  CHECK_FALSE(parsed("PAUSE app now"));
}

TEST_CASE("times") {
  using std::chrono::milliseconds;
  CHECK(parse_time("1500ms") == milliseconds(1500));
  CHECK(parse_time("5") == milliseconds(5000));
  CHECK(parse_time("2min") == milliseconds(120'000));
  CHECK(parse_time("24h") == milliseconds(86'400'000));
  for (const auto* wrong : {"", "s", "0s", "-1s", "25h", "99999999999s", "4294967295h", "5 s", "5sec"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_time(wrong));
  }
}

}  // namespace
}  // namespace forebay::admin
