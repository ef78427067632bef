#include <doctest/doctest.h>

#include <random>
#include <string>
#include <thread>
#include <vector>

#include "routing/access.hpp"
#include "routing/sql_scan.hpp"
#include "support.hpp"

namespace forebay {
namespace {

using kind = sql_access::kind;

std::string repeated(std::string_view part, int times) {
  std::string all;
  for (int i = 0; i < times; ++i)
    all += part;
  return all;
}

TEST_CASE("access: what is too much to read") {
  CHECK(words_of(read_access("select '" + std::string(max_parsed_text, 'x') + "'")) == "primary: too large");
  CHECK(words_of(*access_reader().access_of("select '" + std::string(max_parsed_text, 'x') + "'")) ==
        "primary: too large");
  access_reader reader;
  reader.access_of("select '" + std::string(max_parsed_text, 'x') + "'");  // nor kept, though its template is short
  CHECK(reader.bytes() == 0);
  CHECK(words_of(read_access(std::string("select 1\0; delete", 17))) == "primary: unparsable");
  for (const auto* deep : {"(", "(select ", "f(", "- ", "case when ", "a.", "array[", "exists(values("}) {
    CAPTURE(deep);
    CHECK(words_of(read_access("select " + repeated(deep, 1100))) == "primary: nested too deeply");
  }
}

// On a thread's ordinary stack.
TEST_CASE("access: the deepest that is read") {
  std::thread([] {
    for (const std::string& sql :
         {"select 1" + repeated("+1", 190), "select " + repeated("(select ", 120) + "f()" + repeated(")", 120),
          "select " + repeated("f(", 190) + repeated(")", 190), "select " + repeated("not ", 390) + "true"}) {
      CHECK(read_access(sql).what == kind::read);
    }
  }).join();
}

TEST_CASE("access: whatever bytes, a verdict") {
  std::mt19937 random(1);
  const std::vector<std::string> parts = {"select ",     "(",
                                          ")",           "f(",
                                          " from ",      "t",
                                          ",",           "'",
                                          "\"",          "$$",
                                          "$1",          "--",
                                          "/*",          "*/",
                                          "\n",          ";",
                                          " for update", "with x as (",
                                          "values ",     " union ",
                                          "::",          "1",
                                          ".5",          "e'",
                                          "\\",          " operator(s.+) ",
                                          "[",           "]",
                                          "case when ",  " then ",
                                          " end",        "insert into t ",
                                          "copy ",       " to stdout",
                                          "explain ",    "analyze ",
                                          "\xff",        std::string(1, '\0'),
                                          "begin",       "set "};
  access_reader reader;
  for (int i = 0; i < 20000; ++i) {
    std::string text = i % 2 ? "select " : "";
    for (auto n = random() % 12; n > 0; --n)
      text += random() % 20 ? parts[random() % parts.size()] : std::string(1, static_cast<char>(random()));
    const auto fresh = read_access(text);
    const auto kept = reader.access_of(text);
    CAPTURE(text);
    // A template's verdict is that of each of its texts; and no short cut finds a read where the grammar sees none.
    if (kept->what != kind::primary) CHECK(words_of(fresh) == words_of(*kept));
    if (fresh.what != kind::primary) CHECK(words_of(fresh) == words_of(*kept));
  }
  CHECK(reader.bytes() <= access_reader::max_bytes);
}

TEST_CASE("access: texts that differ in literals are read once") {
  access_reader reader;
  const auto first = reader.access_of("select f() from t where a = 1 and b = 'x' and c in (1.5, -2)");
  CHECK(reader.access_of("select f() from t where a = 22 and b = 'it''s' and c in (7, -1)") == first);
  CHECK(reader.access_of("select f() from t where a = 22 and b = '' /* id=1 */ and c in (7, -1)") != first);
  CHECK(reader.parsed() == 2);
  // These say more than their template would.
  CHECK(reader.access_of("explain (analyze 0) delete from t")->what == kind::read);
  CHECK(reader.access_of("explain (analyze 1) delete from t")->what == kind::primary);
  CHECK(reader.access_of("copy t to stdout")->what == kind::read);
  CHECK(reader.access_of("copy t to ''")->what == kind::read);  // no server takes it
  CHECK(reader.access_of("copy t to 'x'")->what == kind::primary);
  CHECK(*reader.access_of("set transaction_read_only = 0")->modes.read_only == false);
  CHECK(*reader.access_of("set transaction_read_only = 1")->modes.read_only == true);
}

TEST_CASE("access: what a replica has refused as a write is one, whatever its literals") {
  access_reader reader;
  CHECK(reader.access_of("select f(1)")->what == kind::read);
  reader.learn_write("select f(1)");
  for (const auto* sql : {"select f(1)", "select f(22)"}) {
    CHECK(reader.access_of(sql)->what == kind::primary);
    CHECK(reader.access_of(sql)->reason == std::string("a replica has refused it as a write"));
  }
  CHECK(reader.access_of("select g(1)")->what == kind::read);
}

TEST_CASE("access: what it remembers is bounded, and right") {
  access_reader reader;
  const auto sql = [](int i) { return "select * from t" + std::to_string(i) + repeated(", a_rather_long_name", 20); };
  for (int i = 0; i < 6000; ++i) {
    CHECK(reader.access_of(sql(i))->relations.back().name == "t" + std::to_string(i));
    CHECK(reader.bytes() <= access_reader::max_bytes);
  }
  CHECK(reader.bytes() > access_reader::max_bytes / 2);
  const auto before = reader.parsed();
  CHECK(reader.access_of(sql(5999))->relations.back().name == "t5999");
  CHECK(reader.parsed() == before);
}

}  // namespace
}  // namespace forebay
