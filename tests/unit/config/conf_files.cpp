#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <random>
#include <regex>
#include <sstream>

#include "config/describe.hpp"
#include "support.hpp"

// conf/forebay.toml is the manual of the configuration: it must not drift from the table of keys.
namespace forebay::config {
namespace {

const std::string folder = FOREBAY_SOURCE_ROOT "/conf/";

std::string text_of(const std::string& name) {
  std::ifstream in(folder + name);
  REQUIRE(in);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

struct written {
  std::string value;
  bool active = false;  // no # in front
};

// "[pool]" + "size" -> what the file says, also in lines that a # takes out.
std::map<std::string, written> written_keys(const std::string& text) {
  static const std::regex table(R"(#?(\[\[?[a-z_.]+\]\]?))"), assignment(R"((#?)([a-z_.]+) = (.*))");
  std::map<std::string, written> out;
  std::istringstream in(text);
  std::string current;
  for (std::string line; std::getline(in, line);) {
    std::smatch found;
    if (std::regex_match(line, found, table)) {
      current = found[1];
    } else if (std::regex_match(line, found, assignment)) {
      const auto key = current + found[2].str();
      CAPTURE(key);
      CHECK_FALSE(out.contains(key));
      out[key] = {found[3], found[1].length() == 0};
    }
  }
  return out;
}

std::string with_examples_active(const std::string& text) {
  static const std::regex example(R"((^|\n)#(?=[a-z_.]+ = |\[))");
  return std::regex_replace(text, example, "$1");
}

TEST_CASE("conf/forebay.toml has every key, each with its true default") {
  auto in_file = written_keys(text_of("forebay.toml"));
  for (const auto& each : documented_keys()) {
    const auto name = each.table + each.name;
    static constexpr std::array by_keys{"[[cluster]]nodes", "[cache]rule", "[[database]]routing", "[[database]]cache",
                                        "[[cluster]]tls"};
    if (std::ranges::find(by_keys, name) != by_keys.end()) continue;  // written key by key
    CAPTURE(name);
    REQUIRE(in_file.contains(name));
    const auto& value = in_file[name].value;
    const bool has_default = !each.default_toml.empty() && each.default_toml != "\"\"" && each.default_toml != "[]";
    if (has_default || !each.table.starts_with("[[")) CHECK(value == each.default_toml);
    if (!each.table.starts_with("[[")) CHECK(in_file[name].active);
    in_file.erase(name);
  }
  for (const auto& [name, value] : in_file)
    FAIL_CHECK("not a key of the table: ", name);
}

TEST_CASE("conf/forebay.toml says what needs a restart, and of nothing else") {
  std::map<std::string, bool> said;
  std::istringstream in(text_of("forebay.toml"));
  bool comment_says = false;
  for (std::string line; std::getline(in, line);) {
    const auto key = line.substr(0, line.find(" = "));
    if (key.size() < line.size() && !line.starts_with("# ")) said[key] = comment_says;
    comment_says = line.starts_with("# ") && (comment_says || line.find("needs a restart") != std::string::npos);
  }
  for (const auto& each : documented_keys()) {
    if (each.table.starts_with("[[")) continue;
    CAPTURE(each.name);
    CHECK(said[each.name] == each.fixed);
  }
}

TEST_CASE("the files as shipped load") {
  const auto full = load_file(folder + "forebay.toml");
  CHECK(lines_of(full.errors) == lines{});
  REQUIRE(full.settings);
  for (const auto& each : describe(*full.settings)) {
    if (each.key.starts_with("cluster.") || each.key.starts_with("database.")) continue;
    CAPTURE(each.key);
    CHECK(each.value == each.default_value);
  }
  const auto minimal = load_file(folder + "minimal.toml");
  CHECK(lines_of(minimal.errors) == lines{});
  CHECK(lines_of(minimal.warnings) == lines{});
  REQUIRE(minimal.settings);
  CHECK(std::ranges::any_of(minimal.settings->users, &user::admin));  // somebody can see the console
}

TEST_CASE("the examples in conf/forebay.toml load") {
  CHECK(errors_of(with_examples_active(text_of("forebay.toml"))) == lines{});
}

// A small fuzzer: nothing but "no crash, and either settings or errors" is promised for such files.
TEST_CASE("random damage is reported, never worse") {
  const auto whole =  // with one of password and secret, so that harmless damage leaves it right
      std::regex_replace(with_examples_active(text_of("forebay.toml")), std::regex("\nsecret = [^\n]*"), "");
  std::mt19937 random(20260101);
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  const std::string_view pieces[] = {
      "[",    "]",    "[[",   "]]",         "=",   "\"",     "{",          "}",   ",",
      "\n",   "#",    ".",    "5",          "-1",  "\"\"",   "true",       "\\",  "99999999999",
      "\xff", "pool", "name", "2026-01-01", "'''", "\"\"\"", "[[user]]\n", "nan", std::string_view("\0", 1)};
  std::size_t right = 0;
  for (int round = 0; round < 3000; ++round) {
    auto text = whole;
    for (auto damages = 1 + below(4); damages > 0 && !text.empty(); --damages) {
      const auto at = below(text.size()), length = std::min(below(20) + 1, text.size() - at);
      switch (below(4)) {
        case 0:
          text.erase(at, length);
          break;
        case 1:
          text.insert(at, pieces[below(std::size(pieces))]);
          break;
        case 2:
          text[at] = static_cast<char>(below(256));
          break;
        default:
          text.insert(below(text.size()), text.substr(at, length));
      }
    }
    const auto result = load_text(text, "f");
    REQUIRE(result.settings.has_value() == result.errors.empty());
    right += result.errors.empty();
    for (const auto& each : result.errors)
      REQUIRE((each.line > 0 && each.column > 0));
  }
  CHECK(right > 0);     // damage inside comments
  CHECK(right < 3000);  // and elsewhere
}

}  // namespace
}  // namespace forebay::config
