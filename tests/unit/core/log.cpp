#include "core/log.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <boost/json.hpp>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>

namespace forebay {
namespace {

// What `act` writes to standard error.
std::string stderr_of(const std::function<void()>& act) {
  std::fflush(stderr);
  std::FILE* file = std::tmpfile();
  const int saved = ::dup(STDERR_FILENO);
  ::dup2(::fileno(file), STDERR_FILENO);
  act();
  std::fflush(stderr);
  ::dup2(saved, STDERR_FILENO);
  ::close(saved);
  std::rewind(file);
  std::string text;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file))
    text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

std::string behind_time(const std::string& line) {
  return line.substr(std::min(line.size(), line.find(' ')));
}

struct quiet_after {
  ~quiet_after() { log_setup("info", false); }
};

TEST_CASE("text: level, event, fields; quotes only where needed") {
  const quiet_after restore;
  log_setup("info", false);
  const auto line = stderr_of([] {
    log_info("client_login", {{"client", "127.0.0.1:5501"}, {"database", "my app"}, {"empty", ""}, {"n", 3}});
  });
  CHECK(behind_time(line) == " info client_login client=127.0.0.1:5501 database=\"my app\" empty=\"\" n=3\n");
  CHECK(line.find('T') == 10);
  CHECK(line.find(' ') == 29);
}

TEST_CASE("text: a hostile value stays within its line and its field") {
  const quiet_after restore;
  log_setup("info", false);
  const auto line = stderr_of([] {
    log_warning("w",
                {{"name", "a\n2026 error forged x=\"1\""}, {"b", "back\\slash"}, {"k", "x=y"}, {"d", "\x7f\x1b[2J"}});
  });
  CHECK(behind_time(line) ==
        " warning w name=\"a\\u000a2026 error forged x=\\\"1\\\"\" b=\"back\\\\slash\" k=\"x=y\" "
        "d=\"\\u007f\\u001b[2J\"\n");
}

TEST_CASE("JSON: every line is an object, whatever the values") {
  const quiet_after restore;
  log_setup("debug", true);
  const std::string nasty("q\" b\\ nl\n tab\t nul\0 del\x7f end", 29);
  const auto line = stderr_of([&] { log_error("it_failed", {{"reason", nasty}, {"n", -7}}); });
  CHECK(line.back() == '\n');
  CHECK(line.find('\n') == line.size() - 1);
  const auto object = boost::json::parse(line).as_object();
  CHECK(object.at("level").as_string() == "error");
  CHECK(object.at("event").as_string() == "it_failed");
  CHECK(object.at("reason").as_string() == nasty);
  CHECK(object.at("n").as_string() == "-7");
  CHECK(object.at("time").as_string().size() == 29);
}

TEST_CASE("JSON: bytes that are no UTF-8 do not make the line something else than JSON") {
  const quiet_after restore;
  log_setup("info", true);
  const auto line = stderr_of([] { log_info("e", {{"name", "latin1 \xe9 and cut \xc3"}, {"good", "h\xc3\xa9"}}); });
  boost::system::error_code ec;
  const auto value = boost::json::parse(line, ec);
  REQUIRE_FALSE(ec);
  CHECK(value.as_object().at("name").as_string() == "latin1 \xef\xbf\xbd and cut \xef\xbf\xbd");
  CHECK(value.as_object().at("good").as_string() == "h\xc3\xa9");
}

TEST_CASE("JSON: what only looks like UTF-8 is replaced byte by byte") {
  const quiet_after restore;
  log_setup("info", true);
  const std::string bad = "\xef\xbf\xbd";
  const auto logged = [](const std::string& value) {
    const auto line = stderr_of([&] { log_info("e", {{"v", value}}); });
    return std::string(boost::json::parse(line).as_object().at("v").as_string());
  };
  CHECK(logged("\xc0\x80") == bad + bad);            // overlong
  CHECK(logged("\xe0\x80\x80") == bad + bad + bad);  // overlong
  CHECK(logged("\xed\xa0\x80") == bad + bad + bad);  // a surrogate
  CHECK(logged("\xf5\x80") == bad + bad);
  CHECK(logged("\xe2\x82\xac\xf0\x9f\x90\x98") == "\xe2\x82\xac\xf0\x9f\x90\x98");
}

TEST_CASE("levels") {
  const quiet_after restore;
  const auto all = [] {
    log_debug("d");
    log_info("i");
    log_warning("w");
    log_error("e");
  };
  const auto lines = [&](const char* level) {
    log_setup(level, false);
    const auto text = stderr_of(all);
    return std::count(text.begin(), text.end(), '\n');
  };
  CHECK(lines("debug") == 4);
  CHECK(lines("info") == 3);
  CHECK(lines("warning") == 2);
  CHECK(lines("error") == 1);
  CHECK(lines("off") == 0);
}

}  // namespace
}  // namespace forebay
