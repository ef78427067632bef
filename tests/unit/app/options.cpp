#include "app/options.hpp"
#include "config/notation.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <sstream>
#include <vector>

namespace forebay {
namespace {

parsed_options parse(std::initializer_list<const char*> arguments) {
  return parse_options(std::vector<const char*>(arguments));
}

TEST_CASE("options") {
  const auto given =
      parse({"--config", "a.toml", "--listen", "*:1", "--listen=[::1]:2", "--workers", "3", "--log-level=debug"});
  CHECK(given.error == "");
  CHECK(given.value.what == options::action::run);
  CHECK(given.value.config_file == "a.toml");
  REQUIRE(given.value.instead.listen.size() == 2);
  CHECK(given.value.instead.listen[1].host == "::1");
  CHECK(given.value.instead.workers == 3U);
  CHECK(given.value.instead.log_level == "debug");
  CHECK(parse({"--check"}).value.what == options::action::check);
  CHECK(parse({"--version"}).value.what == options::action::version);
  CHECK(parse({"--help"}).value.what == options::action::help);
  CHECK(parse({"postgres://u@h", "--check"}).value.dsn == "postgres://u@h");
  CHECK(parse({}).error == "");
}

TEST_CASE("what a wrong command line is told") {
  CHECK(parse({"--chekc"}).error == "--chekc: unknown option; did you mean --check?");
  CHECK(parse({"--log_level=debug"}).error == "--log_level: unknown option; did you mean --log-level?");
  CHECK(parse({"-x"}).error == "-x: unknown option; see --help");
  CHECK(parse({"--frobnicate"}).error == "--frobnicate: unknown option; see --help");
  CHECK(parse({"--config"}).error == "--config: wanted an argument, FILE");
  CHECK(parse({"--config="}).error == "--config: wanted the name of a file");
  CHECK(parse({"--check=yes"}).error == "--check: takes no argument");
  CHECK(parse({"--workers", "x"}).error == "--workers: wanted a whole number from 0 (one per core) to 255");
  CHECK(parse({"--workers", "-1"}).error == "--workers: wanted a whole number from 0 (one per core) to 255");
  CHECK(parse({"--workers", "256"}).error == "--workers: wanted a whole number from 0 (one per core) to 255");
  CHECK(parse({"--workers", "255"}).value.instead.workers == 255U);
  CHECK(parse({"--listen", "::1"}).error == R"(--listen: an IPv6 address goes in brackets, as in "[::1]:6432")");
  CHECK(parse({"--log-level", "inof"}).error ==
        R"(--log-level: "inof" is not one of "debug", "info", "warning", "error" or "off"; did you mean "info"?)");
  CHECK(parse({"--http", "x"}).error.starts_with("--http: \"x\" is not an IP address"));
  CHECK(config::to_string(*parse({"--http", "[::1]"}).value.instead.http) == "[::1]:9630");
  CHECK(parse({"postgres://u@h", "--config", "f"}).error == "a DSN and --config exclude each other");
  CHECK(parse({"postgres://u@h", "postgres://u:hunter2@i"}).error ==
        "more than one DSN; several hosts go in one, as in postgres://user@h1,h2");
  CHECK(parse({"forebay.toml"}).error ==
        "neither an option nor a DSN; wanted postgres://user:password@host or --config FILE, see --help");
}

TEST_CASE("the usage names every option") {
  for (const auto* name : {"--config", "--listen", "--workers", "--log-level", "--check", "--version", "--help"})
    CHECK(usage().find(name) != std::string::npos);
}

TEST_CASE("the command line has its say over the configuration") {
  const auto given = parse({"postgres://u:p@h", "--listen", "*:1", "--workers", "3", "--log-level", "error"}).value;
  const auto result = load_settings(given);
  REQUIRE(result.settings);
  REQUIRE(result.settings->listen.addresses.size() == 1);
  CHECK(result.settings->listen.addresses[0].port == 1);
  CHECK(result.settings->general.workers == 3);
  CHECK(result.settings->general.log_level == "error");
}

TEST_CASE("--listen is warned of like the file's addresses") {
  const auto given = parse({"postgres://u@h", "--listen", "*:1"}).value;
  const auto result = load_settings(given);
  REQUIRE(result.warnings.size() == 1);
  CHECK(to_string(result.warnings[0]) ==
        R"(command line: listen.addresses: with auth.type = "trust" whoever reaches *:1 can be any user)");
}

TEST_CASE("the command line has its say over a file, which may then lack it") {
  const auto file = std::filesystem::temp_directory_path() / "forebay-override-test.toml";
  std::ofstream(file) << "[listen]\naddresses = []\n[[cluster]]\nname = \"a\"\nnodes = [ { host = \"h\" } ]\n";
  CHECK_FALSE(load_settings(parse({"--config", file.c_str()}).value).settings);
  const auto result = load_settings(parse({"--config", file.c_str(), "--listen", "*:1"}).value);
  REQUIRE(result.settings);
  CHECK(result.settings->listen.addresses.at(0).host == "*");
  std::filesystem::remove(file);
}

TEST_CASE("--check prints all errors, or ok") {
  const auto file = std::filesystem::temp_directory_path() / "forebay-check-test.toml";
  const auto run = [&](std::string_view text) {
    std::ofstream(file) << text;
    std::ostringstream out, err;
    const int status = check(parse({"--check", "--config", file.c_str()}).value, out, err);
    return std::to_string(status) + "|" + out.str() + "|" + err.str();
  };
  const auto name = file.string();
  CHECK(run("[[cluster]]\nname = \"a\"\nnodes = [ { host = \"h\" } ]\n[[user]]\nname = \"u\"\npassword = \"p\"") ==
        "0|" + name + ": ok\n|");
  CHECK(run("[[cluster]]\nname = \"a\"\nnodes = [ { host = \"h\" } ]\n[pool]\nsize = 0\n[auth]\nx = 1") ==
        "1||warning: " + name +
            ":1:1: user: there is none, so nobody can log in; wanted [[user]] or auth.users_file\n" + name +
            ":5:8: pool.size: 0 is out of range: 1 to 100000\n" + name + ":7:1: auth.x: unknown key\n");
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace forebay
