#include "config/describe.hpp"
#include "config/pattern.hpp"
#include "support.hpp"

// [cache], [[cache.rule]] and what a database has instead.
namespace forebay::config {
namespace {

const std::string people =
    "\n[[user]]\nname = \"app\"\npassword = \"p\"\n[[database]]\nname = \"shop\"\n" + one_cluster.substr(1);

lines rule_errors(const std::string& text) {
  return errors_of("[[cache.rule]]\n" + text + people);
}

TEST_CASE("the cache is off until somebody wants it") {
  const auto c = settings_of(one_cluster).cache;
  CHECK(c.mode == cache_mode::off);
  CHECK(c.memory.bytes == 256 << 20);
  CHECK(c.max_entry.bytes == 1 << 20);
  CHECK(c.ttl == 300s);
  CHECK(c.rules.empty());
}

TEST_CASE("every key of the cache arrives, and rules in their order") {
  const auto c = settings_of(R"(
[cache]
mode = "ttl"
memory = "2GiB"
max_entry = "3KiB"
ttl = "1ms"
[[cache.rule]]
tables = ["public.users", "orders"]
statement = 'where\s+tenant = \d+'
user = "app"
database = "shop"
ttl = "10s"
mode = "ttl"
tags = ["auth", "users"]
[[cache.rule]]
user = "app"
mode = "off"
)" + people)
                     .cache;
  CHECK(c.mode == cache_mode::ttl);
  CHECK(c.memory.bytes == 2ULL << 30);
  CHECK(c.max_entry.bytes == 3 << 10);
  CHECK(c.ttl == 1ms);
  REQUIRE(c.rules.size() == 2);
  CHECK(c.rules[0].tables == lines{"public.users", "orders"});
  CHECK(c.rules[0].statement == R"(where\s+tenant = \d+)");
  CHECK(c.rules[0].user == "app");
  CHECK(c.rules[0].database == "shop");
  CHECK(c.rules[0].ttl == 10s);
  CHECK(c.rules[0].mode == cache_mode::ttl);
  CHECK(c.rules[0].tags == lines{"auth", "users"});
  CHECK(c.rules[1].tables.empty());
  CHECK(c.rules[1].statement.empty());
  CHECK(c.rules[1].database.empty());
  CHECK_FALSE(c.rules[1].ttl);
  CHECK(c.rules[1].mode == cache_mode::off);
  CHECK(c.rules[1].tags.empty());
  CHECK(settings_of("cache.rule = [ { tables = [\"t\"], ttl = \"1s\" } ]" + one_cluster).cache.rules.size() == 1);
}

TEST_CASE("a database has what it says instead of [cache]") {
  const auto s = settings_of(R"(
[cache]
ttl = "1m"
max_entry = "2KiB"
[[cache.rule]]
tables = ["t"]
mode = "off"
[[database]]
name = "both"
cache = { mode = "ttl", ttl = "10s" }
[[database]]
name = "mode"
cache.mode = "ttl"
[[database]]
name = "none"
)" + one_cluster);
  const auto both = s.cache_of(*s.find_database("both")), mode = s.cache_of(*s.find_database("mode")),
             none = s.cache_of(*s.find_database("none"));
  CHECK(both.mode == cache_mode::ttl);
  CHECK(both.ttl == 10s);
  CHECK(both.max_entry.bytes == 2 << 10);
  CHECK(both.rules.size() == 1);
  CHECK(mode.mode == cache_mode::ttl);
  CHECK(mode.ttl == 1min);
  CHECK(none.mode == cache_mode::off);
  CHECK(none.ttl == 1min);
}

TEST_CASE("SHOW CONFIG tells of rules and of a database's cache what is given") {
  const auto all =
      describe(settings_of("[[cache.rule]]\ntables = [\"a\", \"s.b\"]\nstatement = 'x\\s'\nttl = \"90s\"\n"
                           "[[cache.rule]]\nuser = \"app\"\nmode = \"off\"\ntags = [\"t\"]\n"
                           "[[database]]\nname = \"d\"\ncache = { mode = \"ttl\", ttl = \"10s\" }\n" +
                           people));
  const auto value = [&](std::string_view key) {
    for (const auto& each : all)
      if (each.key == key) return each.value;
    return std::string("not there");
  };
  CHECK(value("cache.mode") == "off");
  CHECK(value("cache.rule") == R"({ tables = ["a", "s.b"], statement = "x\\s", ttl = "90s" }, )"
                               R"({ user = "app", mode = "off", tags = ["t"] })");
  CHECK(value("database.d.cache") == "mode = ttl, ttl = 10s");
  CHECK(value("database.shop.cache") == "not there");
}

TEST_CASE("everything about the cache can change at run time") {
  for (const auto& each : documented_keys())
    if (each.table == "[cache]") CHECK_FALSE(each.fixed);
}

TEST_CASE("what comes later says so, and that ttl is there") {
  for (const std::string quoted : {"\"bounded\"", "\"snapshot\"", "\"strict\""}) {
    const auto text = quoted + " is not available in this version; use \"off\" or \"ttl\"";
    CHECK(errors_of("[cache]\nmode = " + quoted + one_cluster) == lines{"f:2:8: cache.mode: " + text});
    CHECK(rule_errors("user = \"app\"\nmode = " + quoted) == lines{"f:3:8: cache.rule.mode: " + text});
    CHECK(errors_of("[[database]]\nname = \"d\"\ncache.mode = " + quoted + one_cluster) ==
          lines{"f:3:14: database.cache.mode: " + text});
  }
  CHECK(errors_of("[cache]\nmax_staleness = \"1s\"" + one_cluster) ==
        lines{"f:2:1: cache.max_staleness: is not available in this version"});
  CHECK(errors_of("[[database]]\nname = \"d\"\ncache.max_staleness = \"1s\"" + one_cluster) ==
        lines{"f:3:7: database.cache.max_staleness: is not available in this version"});
}

TEST_CASE("mistakes in [cache]") {
  CHECK(errors_of("[cache]\nredis = \"redis://:secret@host/x\"" + one_cluster) ==
        lines{"f:2:9: cache.redis: the database is a number, as in redis://host:6379/0"});
  const auto wrong = [](const std::string& text) { return errors_of("[cache]\n" + text + one_cluster); };
  CHECK(wrong("mode = \"tll\"") ==
        lines{R"(f:2:8: cache.mode: "tll" is not one of "off" or "ttl"; did you mean "ttl"?)"});
  CHECK(wrong("mode = true") ==
        lines{R"(f:2:8: cache.mode: wanted one of "off" or "ttl", as in mode = "off"; found true or false)"});
  CHECK(wrong("memroy = \"1MiB\"") == lines{R"(f:2:1: cache.memroy: unknown key; did you mean "memory"?)"});
  CHECK(wrong("rediss = \"x\"") == lines{R"(f:2:1: cache.rediss: unknown key; did you mean "redis"?)"});
  CHECK(wrong("statement = \"x\"") == lines{"f:2:1: cache.statement: unknown key; it belongs to [[cache.rule]]"});
  CHECK(wrong("memory = \"0\"") == lines{"f:2:10: cache.memory: 0 is too small: at least 1MiB"});
  CHECK(wrong("memory = \"1048575\"") == lines{"f:2:10: cache.memory: 1048575 is too small: at least 1MiB"});
  CHECK(wrong("memory = \"1MiB\"").empty());
  CHECK(wrong("memory = 5") ==
        lines{R"(f:2:10: cache.memory: wanted a size with its unit, as in memory = "256MiB"; found a whole number)"});
  CHECK(wrong("max_entry = \"1023\"") == lines{"f:2:13: cache.max_entry: 1023 is too small: at least 1KiB"});
  CHECK(wrong("ttl = \"0s\"") == lines{"f:2:7: cache.ttl: 0s is too short: at least 1ms"});
  CHECK(wrong("rule = \"x\"") == lines{"f:2:8: cache.rule: wanted a list of tables, as in rule = [ { tables = "
                                       "[\"public.users\"], ttl = \"10s\" } ]; found a text"});
  CHECK(errors_of("[[cache]]\nmode = \"off\"" + one_cluster) ==
        lines{"f:1:1: cache: wanted one table, as in [cache]; found a list"});
  CHECK(errors_of("[cache.rule]\nttl = \"1s\"" + one_cluster) ==
        lines{"f:1:1: cache.rule: wanted a list of tables, as in rule = [ { tables = [\"public.users\"], ttl = "
              "\"10s\" } ]; found a table"});
}

TEST_CASE("an entry fits into the memory") {
  CHECK(errors_of("[cache]\nmemory = \"2MiB\"\nmax_entry = \"3MiB\"" + one_cluster) ==
        lines{"f:3:13: cache.max_entry: 3MiB is more than cache.memory = 2MiB"});
  CHECK(errors_of("[cache]\nmax_entry = \"257MiB\"" + one_cluster) ==
        lines{"f:2:13: cache.max_entry: 257MiB is more than cache.memory = 256MiB"});
  CHECK(errors_of("[cache]\nmemory = \"2MiB\"\nmax_entry = \"2MiB\"" + one_cluster).empty());
  CHECK(errors_of("[cache]\nmemory = \"x\"\nmax_entry = \"257MiB\"" + one_cluster).size() == 1);
}

TEST_CASE("mistakes in a rule") {
  CHECK(rule_errors("table = [\"t\"]\nttl = \"1s\"\nuser = \"app\"") ==
        lines{R"(f:2:1: cache.rule.table: unknown key; did you mean "tables"?)"});
  CHECK(rule_errors("user = \"app\"\nmemory = \"1MiB\"\nttl = \"1s\"") ==
        lines{"f:3:1: cache.rule.memory: unknown key; it belongs to [cache]"});
  CHECK(rule_errors("tables = \"t\"\nttl = \"1s\"") ==
        lines{"f:2:10: cache.rule.tables: wanted a list of texts, as in tables = [\"public.users\"]; found a text"});
  CHECK(rule_errors("tables = [\"t\", \"\"]\nttl = \"1s\"") == lines{"f:2:16: cache.rule.tables: must not be empty"});
  CHECK(rule_errors("tables = []\nttl = \"1s\"") == lines{"f:2:10: cache.rule.tables: must not be empty"});
  CHECK(rule_errors("user = \"app\"\nttl = \"0s\"") == lines{"f:3:7: cache.rule.ttl: 0s is too short: at least 1ms"});
  CHECK(rule_errors("user = \"app\"\ntags = [\"a\", \"b+c\"]") ==
        lines{"f:3:14: cache.rule.tags: a tag has no blank, comma or plus sign"});
  CHECK(rule_errors("ttl = \"1s\"") ==
        lines{"f:1:1: cache.rule: is for no statement; wanted tables, statement, user or database"});
  CHECK(rule_errors("user = \"app\"") == lines{"f:1:1: cache.rule: asks for nothing; wanted ttl, mode or tags"});
  CHECK(errors_of("[[cache.rule]]\nuser = \"app\"\nttl = \"1s\"\n[[cache.rule]]\nuser = \"\"\nmode = \"off\"" +
                  people) == lines{"f:5:8: cache.rule.user: must not be empty"});
  CHECK(errors_of("cache.rule = [ 5 ]" + one_cluster) ==
        lines{"f:1:16: cache.rule: wanted a table, as in rule = [ { tables = [\"public.users\"], ttl = \"10s\" } ]; "
              "found a whole number"});
}

TEST_CASE("a rule is for a user and a database that there are") {
  CHECK(rule_errors("user = \"ap\"\nttl = \"1s\"") ==
        lines{R"(f:2:8: cache.rule.user: there is no user "ap"; did you mean "app"?)"});
  CHECK(rule_errors("database = \"shp\"\nttl = \"1s\"") ==
        lines{R"(f:2:12: cache.rule.database: there is no database "shp"; did you mean "shop"?)"});
  const std::string both = "[[cache.rule]]\nuser = \"any\"\ndatabase = \"any\"\nttl = \"1s\"\n";
  CHECK(errors_of(both + "[auth]\ntype = \"trust\"" + one_cluster).empty());  // whoever comes, whatever they ask for
  // Only the cause.
  CHECK(errors_of(both + "[[user]]\nname = \"\"\n" + one_cluster) == lines{"f:6:8: user.name: must not be empty"});
  CHECK(errors_of(both + "[[database]]\nname = 5\n[[user]]\nname = \"any\"\npassword = \"p\"" + one_cluster) ==
        lines{R"(f:6:8: database.name: wanted a text, as in name = "*"; found a whole number)"});
}

TEST_CASE("what is wrong with a regular expression") {
  const struct {
    const char *pattern, *complaint;
  } table[] = {
      {"", "must not be empty"},
      {"a(b", "not a regular expression: parentheses do not match, or there is nothing to repeat"},
      {"a)b", "not a regular expression: parentheses do not match, or there is nothing to repeat"},
      {"a[b", "not a regular expression: brackets do not match"},
      {"a{2", "not a regular expression: braces do not match"},
      {"a{x}", "not a regular expression: wanted numbers in braces, as in {2,5}"},
      {"[z-a]", "not a regular expression: a range ends before it begins"},
      {"*a", "not a regular expression: parentheses do not match, or there is nothing to repeat"},
      {R"(a\)", "not a regular expression: nothing is escaped by this backslash"},
      {"[[:no:]]", "not a regular expression: there is no such class of characters"},
      {R"((a)\1)", "not a regular expression: back references are not available"},
      {"(a{900}){900}", "not a regular expression: it is too large"},
  };
  for (const auto& each : table) {
    const std::string pattern(each.pattern), complaint(each.complaint);
    CAPTURE(pattern);
    CHECK(rule_errors("statement = '" + pattern + "'\nttl = \"1s\"") ==
          lines{"f:2:13: cache.rule.statement: " + complaint});
  }
  CHECK(complain_pattern(std::string(1000, '(')) ==
        "not a regular expression: parentheses do not match, or there is nothing to repeat");
  CHECK(complain_pattern(std::string(1000, 'a')).empty());
  CHECK(complain_pattern(std::string(1001, 'a')) == "is too long for a regular expression: at most 1000 bytes");
}

TEST_CASE("a regular expression is found anywhere, whatever the case") {
  const auto found = [](const char* text, const char* pattern) {
    return std::regex_search(text, compile_pattern(pattern));
  };
  CHECK(found("SELECT * FROM Users", R"(from\s+users\b)"));
  CHECK(found("select 'ä'", "ä"));
  CHECK_FALSE(found("select * from userspace", R"(from users\b)"));
  CHECK_FALSE(found("select 1 from users", "^from"));
}

TEST_CASE("no expression and no text exhausts the stack or the patience") {
  const std::string text(1 << 20, 'a');
  CHECK_FALSE(std::regex_search(text, compile_pattern("^.*x")));
  CHECK_FALSE(std::regex_search(text.substr(0, 100), compile_pattern("(a+)+x")));
}

}  // namespace
}  // namespace forebay::config
