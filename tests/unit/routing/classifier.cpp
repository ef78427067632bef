#include "routing/classifier.hpp"

#include <doctest/doctest.h>

#include <string>
#include <thread>

#include "routing/effects.hpp"
#include "routing/syntax.hpp"

namespace forebay {
namespace {

// Changes as words: "0 set search_path=a", with the number of their statement.
std::string changes_of(std::string_view sql) {
  static constexpr const char* kinds[] = {"set",        "reset",     "reset_all",   "discard_all",
                                          "deallocate", "savepoint", "release",     "rollback_to",
                                          "listen",     "unlisten",  "unlisten_all"};
  classifier c;
  const auto found = c.effects_of(sql, scan_effects(sql));
  if (!found) return "nothing";
  std::string text;
  for (const auto& change : found->changes) {
    if (!text.empty()) text += "; ";
    text += std::to_string(change.statement) + ' ' + kinds[static_cast<int>(change.what)];
    if (!change.name.empty()) text += ' ' + change.name;
    if (change.what == state_change::kind::set) text += '=' + change.value;
  }
  const auto left = found->mask & ~effect::harmless;
  if (left != 0) text += (text.empty() ? "pins " : "; pins ") + std::to_string(left);
  return text;
}

TEST_CASE("classifier: settings that change") {
  struct {
    const char *sql, *changes;
  } const cases[] = {
      {"set search_path = a", "0 set search_path=a"},
      {"SET SESSION search_path TO A, \"B\"\"b\", 'c,d'", "0 set search_path=a, \"B\"\"b\", \"c,d\""},
      {"set search_path = 'select', 'begin', '_a1', '1a', 'A'",
       "0 set search_path=\"select\", begin, _a1, \"1a\", \"A\""},
      {"set schema 'x'", "0 set search_path=x"},
      {"set work_mem = 65536", "0 set work_mem=65536"},
      {"set work_mem = '64MB';", "0 set work_mem=64MB"},
      {"set seq_page_cost = -1.5", "0 set seq_page_cost=-1.5"},
      {"set enable_seqscan = off", "0 set enable_seqscan=off"},
      {"set my.var = E'a\\nb', on", "0 set my.var=a\nb, on"},
      {"set role bob", "0 set role=bob"},
      {"set role none", "0 set role=none"},
      {"set xml option document", "0 set xmloption=DOCUMENT"},
      {"set session characteristics as transaction isolation level serializable, read only, not deferrable",
       "0 set default_transaction_isolation=serializable; 0 set default_transaction_read_only=on; "
       "0 set default_transaction_deferrable=off"},
      {"/* a */ -- b\n set work_mem = 1 -- c", "0 set work_mem=1"},
      {"set work_mem to default", "0 reset work_mem"},
      {"reset work_mem", "0 reset work_mem"},
      {"reset my.var", "0 reset my.var"},
      {"reset time zone", "0 reset timezone"},
      {"reset role", "0 reset role"},
      {"reset all", "0 reset_all"},
      {"discard all", "0 discard_all"},
      {"select set_config('work_mem', '1MB', false)", "0 set work_mem=1MB"},
      {"select pg_catalog.set_config('a.b'::text, 'c', false) as x, set_config('d.e', 'f', FALSE)",
       "0 set a.b=c; 0 set d.e=f"},
      {"select set_config('work_mem', null, false)", "0 reset work_mem"},
      // Several statements are told apart.
      {"select 1; set work_mem = 1; select ';'; set role bob", "1 set work_mem=1; 3 set role=bob"},
      {"begin; savepoint a; set work_mem = 1; rollback to a; release a; commit",
       "1 savepoint a; 2 set work_mem=1; 3 rollback_to a; 4 release a"},
      {"savepoint A", "0 savepoint a"},
      {"savepoint \"A\"", "0 savepoint A"},
      {"rollback work to savepoint a", "0 rollback_to a"},
      {"release savepoint a", "0 release a"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.sql);
    CHECK(changes_of(c.sql) == c.changes);
  }
}

TEST_CASE("classifier: what changes nothing beyond its transaction") {
  for (const auto* sql :
       {"select set_config('work_mem', '1MB', true)",
        "select set_config($$a$$, 'b', 'true'::text::boolean is not null)", "select 1; set local work_mem = 1",
        "select 1; set transaction isolation level serializable", "set transaction_read_only = on",
        "select 1; set constraints all deferred", "begin; rollback; select 1"}) {
    CAPTURE(sql);
    const auto text = changes_of(sql);
    if (std::string_view(sql).find("is not null") == std::string_view::npos)
      CHECK(text == "nothing");
    else
      CHECK(text == "pins 2");
  }
}

TEST_CASE("classifier: what cannot be replayed pins") {
  const auto pins = [](effect::mask m) { return "pins " + std::to_string(m); };
  CHECK(changes_of("set session authorization bob") == pins(effect::setting));
  CHECK(changes_of("set search_path from current") == pins(effect::setting));
  CHECK(changes_of("set seed = 0.5") == pins(effect::setting));
  for (const auto* sql :
       {"select set_config('a.b', $1, false)", "select set_config(x, 'b', false)",
        "select set_config('a', 'b', false) from t", "select set_config('a', 'b', false), 1",
        "select set_config('a', 'b', false) where true", "select setseed(.5)",
        "select set_config('a', 'b', false) union select 'c'", "select other.set_config('a', 'b', false)",
        "with x as (select set_config('a', 'b', false)) select 1",
        "do $$begin perform set_config('a','b',false); end$$", "explain analyze select set_config('a', 'b', false)",
        "select set_config('seed', '0.5', false)", "select set_config('a.b', 'xy'::char::text, false)",
        "select set_config('a.b', '1.7'::int::text, false)", "select set_config('a.b', 'xy'::text::varchar(1), false)",
        "select set_config('a.b', '{x}'::text[], false)"}) {
    CAPTURE(sql);
    CHECK(changes_of(sql) == pins(effect::set_function));
  }
  CHECK(changes_of("select 1; create temp table t ()") == pins(effect::temporary));
  CHECK(changes_of("set work_mem = 1; select pg_advisory_lock(1)") ==
        "0 set work_mem=1; " + pins(effect::advisory_lock));
}

TEST_CASE("classifier: LISTEN is not for the server that runs it") {
  const auto instead = [](std::string_view sql) { return classifier().effects_of(sql, scan_effects(sql))->instead; };
  CHECK(changes_of("listen Chan") == "0 listen chan");
  CHECK(instead("listen Chan") == " UNLISTEN chan /* forebay: LISTEN */");
  CHECK(changes_of("select 1;LISTEN \"A \"\"b\" ; unlisten c; unlisten *; listen d -- e") ==
        "1 listen A \"b; 2 unlisten c; 3 unlisten_all; 4 listen d");
  CHECK(
      instead("select 1;LISTEN \"A \"\"b\" ; unlisten c; unlisten *; listen d -- e") ==
      "select 1; UNLISTEN \"A \"\"b\" /* forebay: LISTEN */; unlisten c; unlisten *; UNLISTEN d /* forebay: LISTEN */");
  CHECK(instead("unlisten c").empty());
  CHECK(changes_of("listen c of newer syntax") == "pins " + std::to_string(effect::listen));
}

// Each as its statement's number, what it does, and the place of the name in the text.
std::string names_of(std::string_view sql) {
  static constexpr const char* kinds[] = {"execute", "deallocate", "prepare"};
  classifier c;
  const auto found = c.effects_of(sql, scan_effects(sql));
  std::string text;
  for (const auto& n : found ? found->names : std::vector<named_command>{}) {
    text += (text.empty() ? "" : "; ") + std::to_string(n.statement) + ' ' + kinds[static_cast<int>(n.what)];
    text += ' ' + n.name + '=' + std::string(sql.substr(n.at, n.size)) + (n.within ? " within" : "");
  }
  return text;
}

TEST_CASE("classifier: names of prepared statements, wherever they stand") {
  struct {
    const char *sql, *names;
  } const cases[] = {
      {"execute q", "0 execute q=q"},
      {"select 1; EXECUTE \"A b\" (1, ';'); deallocate /* x */ PREPARE Q;", "1 execute A b=\"A b\"; 2 deallocate q=Q"},
      {";; prepare q as select 'execute r'; select 2", "0 prepare q=q"},
      {"explain (analyze, costs off) execute q(1)", "0 execute q=q within"},
      {"select 1; create temp table t as /* execute x */ execute q", "1 execute q=q within"},
      {"deallocate all; deallocate prepare all; prepare transaction 'a'", ""},
      {"grant execute on function f to public; select 'execute q'", ""},
      {"explain select 1 as execute", ""},
  };
  for (const auto& c : cases) {
    CAPTURE(c.sql);
    CHECK_EQ(names_of(c.sql), c.names);
  }
}

TEST_CASE("classifier: what the grammar does not know is judged by its words") {
  CHECK(changes_of("set work_mem = 1 please") == "pins 1");
  CHECK(changes_of("reset work_mem please") == "pins 1");
  CHECK(changes_of("set x = '\xff\xfe'") == "0 set x=\xff\xfe");
  CHECK(changes_of("set x = 'no end") == "pins 1");
  // Too large, or too deep.
  CHECK(changes_of("set x = '" + std::string(classifier::max_text, 'x') + "'") == "pins 1");
  CHECK(changes_of("set x = 1; select " + std::string(2000, '(') + "1" + std::string(2000, ')')) == "pins 1");
}

std::string repeated(std::string_view part, int times) {
  std::string all;
  for (int i = 0; i < times; ++i)
    all += part;
  return all;
}

// Whatever nests, and whatever is written between to hide it.
TEST_CASE("classifier: nesting is seen before the parser falls into it") {
  constexpr int deep = 1500;
  for (const std::string& sql : {"select 1" + repeated("+1", deep),
                                 "select " + repeated("(", deep) + "1" + repeated(")", deep),
                                 "select " + repeated("f(", deep) + repeated(")", deep),
                                 "select " + repeated("not ", deep) + "true",
                                 repeated("(select ", deep) + "1" + repeated(")", deep),
                                 "select 1" + repeated(" union select 1", deep),
                                 "select 1" + repeated(" union select 1, 2", deep),
                                 "select * from t" + repeated(" join t on a and b", deep),
                                 "select " + repeated("case when a and ", deep),
                                 "select " + repeated("case a when ',' then ", deep),
                                 "select a" + repeated(" between 1 and not b", deep),
                                 "select a" + repeated("[1", deep),
                                 "select a" + repeated("::int", deep),
                                 "select " + repeated("( ')' , ", deep),
                                 "select " + repeated("( E'\\')' , ", deep),
                                 "select " + repeated("( $$)$$ + ", deep),
                                 "select " + repeated("( /* ) , */ ", deep),
                                 "select " + repeated("( -- )\n ", deep),
                                 "select " + repeated("a.", deep) + "b",
                                 "select a" + repeated(" is null", deep),
                                 "select a" + repeated(" collate \"C\"", deep),
                                 "select " + repeated("- ", deep) + "1",
                                 "select a" + repeated(" at time zone 'x'", deep),
                                 "select " + repeated("exists(values(1),(", deep)}) {
    CAPTURE(sql.substr(0, 60));
    CHECK(nesting_bound(sql) >= 1500);
  }
  // Long, but flat.
  const auto values = "insert into t values " + repeated("(1, 'a, b', -2.5),", 500) + "(1)";
  CHECK(nesting_bound(values) < 20);
  CHECK(nesting_bound("select * from t where " + repeated("a = 1 or b = 2 and c > 3 or ", 300) + "true") < 20);
}

// As deep as it may be, on a thread's ordinary stack.
TEST_CASE("classifier: the deepest that is read") {
  std::thread([] {
    classifier c;
    for (const std::string& sql :
         {"select 1" + repeated("+1", 190), "select " + repeated("(select ", 120) + "1" + repeated(")", 120),
          "select " + repeated("f(", 190) + repeated(")", 190), "select " + repeated("not ", 390) + "true"}) {
      CHECK(c.effects_of(sql + "; set work_mem = 1", effect::several)->changes.size() == 1);
    }
  }).join();
}

TEST_CASE("classifier: what it remembers is bounded, and right") {
  classifier c;
  const auto sql = [](int i) { return "set my.var = '" + std::to_string(i) + std::string(500, 'x') + "'"; };
  for (int i = 0; i < 3000; ++i) {
    const auto found = c.effects_of(sql(i), effect::setting);
    CHECK(found->changes.at(0).value.starts_with(std::to_string(i) + "x"));
    CHECK(c.bytes() <= classifier::max_bytes);
  }
  const auto again = c.effects_of(sql(2999), effect::setting);
  CHECK(c.effects_of(sql(2999), effect::setting) == again);
  CHECK(c.effects_of(sql(0), effect::setting)->changes.at(0).value.starts_with("0x"));
}

}  // namespace
}  // namespace forebay
