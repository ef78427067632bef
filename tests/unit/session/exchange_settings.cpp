#include <doctest/doctest.h>

#include "tests/unit/session/dialogue.hpp"

// Settings follow the client from server to server, through transactions, savepoints and resets.
namespace forebay {
namespace {

using test::dialogue;

parameters settings(std::vector<parameter_set::entry> entries) {
  return parameter_set::intern(std::move(entries));
}

// A client that logged in with these settings, and a server that has them.
void log_in(dialogue& d, std::vector<parameter_set::entry> entries) {
  auto& client = d.client("client").settings;
  client.at_login = client.wanted = d.server("server").current = settings(std::move(entries));
  d.server("server").initial = settings({{"TimeZone", "UTC", true}, {"DateStyle", "ISO", true}});
}

std::string value(const parameters& set, std::string_view name) {
  const auto* e = set->find(name);
  return e ? e->value : "-";
}

struct view {
  dialogue& d;
  std::string wanted(std::string_view name) { return value(d.client("client").settings.wanted, name); }
  std::string current(std::string_view name) { return value(d.server("server").current, name); }
  std::string both(std::string_view name) {
    CHECK(wanted(name) == current(name));
    return wanted(name);
  }
};

// One simple query and its plain answer.
void run(dialogue& d, const std::string& sql, const std::vector<std::string>& tags, char status = 'I') {
  d.from_client(test::message("Query '" + sql + "'", false));
  CHECK(d.take_to_server() == test::message("Query '" + sql + "'", false));
  std::string answer;
  for (const auto& tag : tags)
    answer += test::message(tag == "ERROR" ? "Error 22012 'no'" : "Complete '" + tag + "'", true);
  answer += test::message(std::string("Ready ") + status, true);
  d.from_server(answer);
  CHECK(d.take_to_client() == answer);
}

TEST_CASE("settings: what is set goes with the client, in the same write as its next request") {
  test::play(R"(
    == alice on one
    client: Query 'set work_mem = 5'
    to server: Query 'set work_mem = 5'
    server: Complete 'SET'; Ready I
    to client: Complete 'SET'; Ready I
    = unpinned, clean, releasable
    == bob on one
    client: Query 'select 1'
    to server: Query 'BEGIN;RESET "work_mem";COMMIT'; Query 'select 1'
    server: Complete 'RESET'; Ready I; Complete 'SELECT 1'; Ready I
    to client: Complete 'SELECT 1'; Ready I
    == alice on two
    client: Query 'select 1'
    to server: Query 'BEGIN;SELECT pg_catalog.set_config(''work_mem'',''5'',false);COMMIT'; Query 'select 1'
    server: Complete 'SELECT 1'; Ready I; Complete 'SELECT 1'; Ready I
    to client: Complete 'SELECT 1'; Ready I
    client: Query 'select 2'
    to server: Query 'select 2'
  )");
}

TEST_CASE("settings: the extended protocol, at the first execution") {
  dialogue d;
  view v{d};
  d.play(R"(
    client: Parse s 'set work_mem = 5'; Bind s; Sync
    to server: Parse [set work_mem = 5] 'set work_mem = 5'; Bind [set work_mem = 5]; Sync
    server: ParseComplete; BindComplete; Ready I
    to client: ParseComplete; BindComplete; Ready I
  )");
  CHECK(v.both("work_mem") == "-");
  d.play(R"(
    client: Bind s; Execute; Parse - 'select set_config(''a.b'', ''c'', false)'; Bind -; Execute; Sync
    to server: Bind [set work_mem = 5]; Execute; Parse - 'select set_config(''a.b'', ''c'', false)'; Bind -; Execute; Sync
    server: BindComplete; Complete 'SET'; ParseComplete; BindComplete; Suspended; Ready I
    to client: BindComplete; Complete 'SET'; ParseComplete; BindComplete; Suspended; Ready I
    = releasable, unpinned
  )");
  CHECK(v.both("work_mem") == "5");
  CHECK(v.both("a.b") == "c");
  // One that is skipped behind an error does nothing; nor does one in a batch that fails.
  d.play(R"(
    client: Parse - 'set work_mem = 6'; Bind -; Execute; Parse - 'x'; Parse - 'set work_mem = 7'; Bind -; Execute; Sync
    to server: Parse - 'set work_mem = 6'; Bind -; Execute; Parse - 'x'; Parse - 'set work_mem = 7'; Bind -; Execute; Sync
    server: ParseComplete; BindComplete; Complete 'SET'; Error 42601 'nonsense'; Ready I
    to client: ParseComplete; BindComplete; Complete 'SET'; Error 42601 'nonsense'; Ready I
    = releasable
  )");
  CHECK(v.both("work_mem") == "5");
}

TEST_CASE("settings: transactions take them back") {
  dialogue d;
  view v{d};
  run(d, "set work_mem = 1", {"SET"});
  run(d, "begin", {"BEGIN"}, 'T');
  run(d, "set work_mem = 2", {"SET"}, 'T');
  CHECK(v.both("work_mem") == "2");
  run(d, "rollback", {"ROLLBACK"});
  CHECK(v.both("work_mem") == "1");
  // One string is one transaction, unless it says otherwise.
  run(d, "set work_mem = 3; select 1/0", {"SET", "ERROR"});
  CHECK(v.both("work_mem") == "1");
  run(d, "begin; set work_mem = 4; commit; set work_mem = 5; select 1/0", {"BEGIN", "SET", "COMMIT", "SET", "ERROR"});
  CHECK(v.both("work_mem") == "4");
  run(d, "begin; set work_mem = 6; rollback; set work_mem = 7", {"BEGIN", "SET", "ROLLBACK", "SET"});
  CHECK(v.both("work_mem") == "7");
  run(d, "begin; set work_mem = 8; commit and chain; set work_mem = 9", {"BEGIN", "SET", "COMMIT", "SET"}, 'T');
  run(d, "select 1/0", {"ERROR"}, 'E');
  run(d, "commit", {"ROLLBACK"});
  CHECK(v.both("work_mem") == "8");
  run(d, "begin", {"BEGIN"}, 'T');
  run(d, "set work_mem = 10", {"SET"}, 'T');
  run(d, "prepare transaction ''x''", {"PREPARE TRANSACTION"});
  CHECK(v.both("work_mem") == "10");
  run(d, "begin; set local work_mem = 2; set work_mem = 3; set local work_mem = 4", {"BEGIN", "SET", "SET", "SET"},
      'T');
  run(d, "commit", {"COMMIT"});
  CHECK(v.both("work_mem") == "3");
  CHECK(d.releasable());
}

TEST_CASE("settings: so do savepoints") {
  dialogue d;
  view v{d};
  run(d, "set work_mem = 7", {"SET"});
  run(d, "begin", {"BEGIN"}, 'T');
  run(d, "savepoint a", {"SAVEPOINT"}, 'T');
  run(d, "set work_mem = 8", {"SET"}, 'T');
  run(d, "savepoint b", {"SAVEPOINT"}, 'T');
  run(d, "set work_mem = 9", {"SET"}, 'T');
  run(d, "select 1/0", {"ERROR"}, 'E');
  run(d, "rollback to b", {"ROLLBACK"}, 'T');
  CHECK(v.both("work_mem") == "8");
  run(d, "release b", {"RELEASE"}, 'T');
  run(d, "commit", {"COMMIT"});
  CHECK(v.both("work_mem") == "8");
  run(d, "begin; savepoint a; set work_mem = 10; savepoint a; set work_mem = 11; release a; rollback to a",
      {"BEGIN", "SAVEPOINT", "SET", "SAVEPOINT", "SET", "RELEASE", "ROLLBACK"}, 'T');
  CHECK(v.both("work_mem") == "8");
  run(d, "set work_mem = 12", {"SET"}, 'T');
  run(d, "rollback", {"ROLLBACK"});
  CHECK(v.both("work_mem") == "8");
}

TEST_CASE("settings: a client that leaves, or a server that is lost, within a transaction") {
  dialogue d;
  view v{d};
  run(d, "set work_mem = 1", {"SET"});
  run(d, "begin; set work_mem = 2", {"BEGIN", "SET"}, 'T');
  auto lost = d.client("client").settings;
  lost.server_lost();
  CHECK(value(lost.wanted, "work_mem") == "1");
  d.client("client").gone = true;
  gather to_server, to_client;
  classifier sql;
  exchange(d.client("client"), d.server("server"), to_server, to_client, sql).run_own("ROLLBACK");
  d.play("server: Complete 'ROLLBACK'; Ready I");
  CHECK(v.current("work_mem") == "1");
}

TEST_CASE("settings: a portal made while settings are on their way") {
  dialogue d;
  view v{d};
  d.client("client").settings.wanted = settings({{"work_mem", "1", false}});
  d.play(R"(
    client: Parse - 'set work_mem = 2'; Bind -; Execute; Sync
    to server: Query 'BEGIN;SELECT pg_catalog.set_config(''work_mem'',''1'',false);COMMIT'
    to server: Parse - 'set work_mem = 2'; Bind -; Execute; Sync
    server: Complete 'SELECT 1'; Ready I; ParseComplete; BindComplete; Complete 'SET'; Ready I
    to client: ParseComplete; BindComplete; Complete 'SET'; Ready I
  )");
  CHECK(v.both("work_mem") == "2");
}

TEST_CASE("settings: RESET leads back to what the login asked for, within a transaction too") {
  dialogue d;
  view v{d};
  log_in(d, {{"TimeZone", "Tokyo", true}, {"search_path", "app", false}, {"DateStyle", "ISO", true}});
  run(d, "set search_path = other; set work_mem = 1", {"SET", "SET"});
  d.play(R"(
    client: Query 'begin'
    to server: Query 'begin'
    server: Complete 'BEGIN'; Ready T
    to client: Complete 'BEGIN'; Ready T
    client: Query 'reset search_path'
    to server: Query 'reset search_path'
    server: Complete 'RESET'; Ready T
    to client: Complete 'RESET'; Ready T
    client: Query 'reset timezone'
    to server: Query 'SELECT pg_catalog.set_config(''search_path'',''app'',false)'; Query 'reset timezone'
    server: Complete 'SELECT 1'; Ready T; Complete 'RESET'; Setting TimeZone 'UTC'; Ready T
    to client: Complete 'RESET'; Ready T
    client: Query 'reset work_mem'; Query 'select 1'
    to server: Query 'SELECT pg_catalog.set_config(''TimeZone'',''Tokyo'',false)'; Query 'reset work_mem'
    server: Complete 'SELECT 1'; Setting TimeZone 'Tokyo'; Ready T; Complete 'RESET'; Ready T
    to client: Complete 'RESET'; Ready T
    to server: Query 'select 1'
    server: Complete 'SELECT 1'; Ready T
    to client: Complete 'SELECT 1'; Ready T
  )");
  CHECK(v.both("search_path") == "app");
  CHECK(v.both("work_mem") == "-");
  run(d, "rollback", {"ROLLBACK"});
  CHECK(v.both("search_path") == "other");
  CHECK(v.both("work_mem") == "1");
  CHECK(v.both("TimeZone") == "Tokyo");
}

TEST_CASE("settings: RESET ALL and DISCARD ALL tell the client what has changed for it, and nothing else") {
  dialogue d;
  view v{d};
  log_in(d, {{"TimeZone", "Tokyo", true}, {"DateStyle", "ISO", true}, {"search_path", "app", false}});
  run(d, "set work_mem = 1; set role bob", {"SET", "SET"});
  d.play(R"(
    client: Query 'set datestyle = german'
    to server: Query 'set datestyle = german'
    server: Complete 'SET'; Setting DateStyle 'German'; Ready I
    to client: Complete 'SET'; Setting DateStyle 'German'; Ready I
    client: Query 'reset all'
    to server: Query 'reset all'
    server: Complete 'RESET'; Setting DateStyle 'ISO'; Setting TimeZone 'UTC'; Ready I
    to client: Complete 'RESET'; Setting DateStyle 'ISO'; Ready I
    = releasable
  )");
  CHECK(v.wanted("TimeZone") == "Tokyo");
  CHECK(v.wanted("work_mem") == "-");
  CHECK(v.both("role") == "bob");  // RESET ALL leaves it
  d.play(R"(
    client: Query 'discard all'
    to server: Query 'BEGIN;RESET role;SELECT pg_catalog.set_config(''TimeZone'',''Tokyo'',false);SELECT pg_catalog.set_config(''role'',''bob'',false);COMMIT'
    to server: Query 'discard all'
    server: Complete 'RESET'; Complete 'SELECT 1'; Complete 'SELECT 1'; Setting TimeZone 'Tokyo'; Ready I
    server: Complete 'DISCARD ALL'; Setting TimeZone 'UTC'; Ready I
    to client: Complete 'DISCARD ALL'; Ready I
  )");
  CHECK(v.wanted("role") == "-");
  CHECK(d.client("client").settings.wanted == d.client("client").settings.at_login);
}

TEST_CASE("settings: what is set behind a reset counts") {
  dialogue d;
  view v{d};
  log_in(d, {{"TimeZone", "Tokyo", true}, {"DateStyle", "ISO", true}});
  d.play(R"(
    client: Query 'reset timezone; reset all; set timezone = paris'
    to server: Query 'reset timezone; reset all; set timezone = paris'
    server: Complete 'RESET'; Complete 'RESET'; Complete 'SET'; Setting TimeZone 'Paris'; Ready I
    to client: Complete 'RESET'; Complete 'RESET'; Complete 'SET'; Setting TimeZone 'Paris'; Ready I
    client: Query 'reset timezone; set timezone = oslo'
    to server: Query 'reset timezone; set timezone = oslo'
    server: Complete 'RESET'; Complete 'SET'; Setting TimeZone 'Oslo'; Ready I
    to client: Complete 'RESET'; Complete 'SET'; Setting TimeZone 'Oslo'; Ready I
  )");
  CHECK(v.both("TimeZone") == "Oslo");
  // Undone: the server goes back from what it was reset to, of which the client knows nothing.
  d.play(R"(
    client: Query 'begin; reset timezone; rollback'
    to server: Query 'begin; reset timezone; rollback'
    server: Complete 'BEGIN'; Complete 'RESET'; Complete 'ROLLBACK'; Ready I
    to client: Complete 'BEGIN'; Complete 'RESET'; Complete 'ROLLBACK'; Ready I
    client: Query 'begin; reset timezone'
    to server: Query 'begin; reset timezone'
    server: Complete 'BEGIN'; Complete 'RESET'; Setting TimeZone 'UTC'; Ready T
    to client: Complete 'BEGIN'; Complete 'RESET'; Setting TimeZone 'Tokyo'; Ready T
    client: Query 'rollback'
    to server: Query 'SELECT pg_catalog.set_config(''TimeZone'',''Tokyo'',false)'; Query 'rollback'
    server: Complete 'SELECT 1'; Setting TimeZone 'Tokyo'; Ready T
    server: Complete 'ROLLBACK'; Setting TimeZone 'Oslo'; Ready I
    to client: Complete 'ROLLBACK'; Setting TimeZone 'Oslo'; Ready I
  )");
  CHECK(v.both("TimeZone") == "Oslo");
}

TEST_CASE("settings: a point made behind a SET LOCAL that was reported does not bring it back") {
  dialogue d;
  view v{d};
  log_in(d, {{"TimeZone", "Tokyo", true}});
  d.play(R"(
    client: Query 'begin; set local timezone = oslo'
    to server: Query 'begin; set local timezone = oslo'
    server: Complete 'BEGIN'; Complete 'SET'; Setting TimeZone 'Oslo'; Ready T
    to client: Complete 'BEGIN'; Complete 'SET'; Setting TimeZone 'Oslo'; Ready T
    client: Query 'set work_mem = 1; select 1/0'
    to server: Query 'set work_mem = 1; select 1/0'
    server: Complete 'SET'; Error 22012 'no'; Setting TimeZone 'Tokyo'; Ready E
    to client: Complete 'SET'; Error 22012 'no'; Setting TimeZone 'Tokyo'; Ready E
    client: Query 'rollback'
    to server: Query 'rollback'
    server: Complete 'ROLLBACK'; Ready I
    to client: Complete 'ROLLBACK'; Ready I
  )");
  CHECK(v.both("TimeZone") == "Tokyo");
  CHECK(v.both("work_mem") == "-");
}

TEST_CASE("settings: an error takes a RESET back at once, and not the one ahead of its transaction") {
  dialogue d;
  view v{d};
  log_in(d, {{"TimeZone", "Tokyo", true}});
  d.play(R"(
    client: Query 'set timezone = oslo'
    to server: Query 'set timezone = oslo'
    server: Complete 'SET'; Setting TimeZone 'Oslo'; Ready I
    to client: Complete 'SET'; Setting TimeZone 'Oslo'; Ready I
    client: Query 'begin; reset timezone; select 1/0'
    to server: Query 'begin; reset timezone; select 1/0'
    server: Complete 'BEGIN'; Complete 'RESET'; Error 22012 'no'; Ready E
    to client: Complete 'BEGIN'; Complete 'RESET'; Error 22012 'no'; Ready E
    client: Query 'rollback'
    to server: Query 'rollback'
    server: Complete 'ROLLBACK'; Ready I
    to client: Complete 'ROLLBACK'; Ready I
  )");
  CHECK(v.both("TimeZone") == "Oslo");
  d.play(R"(
    client: Query 'reset timezone; commit; begin; set work_mem = 1; rollback'
    to server: Query 'reset timezone; commit; begin; set work_mem = 1; rollback'
    server: Complete 'RESET'; Complete 'COMMIT'; Complete 'BEGIN'; Complete 'SET'; Complete 'ROLLBACK'; Setting TimeZone 'UTC'; Ready I
    to client: Complete 'RESET'; Complete 'COMMIT'; Complete 'BEGIN'; Complete 'SET'; Complete 'ROLLBACK'; Setting TimeZone 'Tokyo'; Ready I
  )");
  CHECK(v.wanted("TimeZone") == "Tokyo");
  CHECK(v.current("TimeZone") == "UTC");
}

TEST_CASE("settings: what a request resets is not set ahead of it: it may be refused by now") {
  dialogue d;
  view v{d};
  const auto wants = [&] {
    d.client("client").settings.wanted = settings({{"role", "ghost", false}, {"x", "1", false}});
  };
  const auto plays = [&](const std::string& ahead, const std::string& sql) {
    CAPTURE(sql);
    wants();
    d.server("server").current = settings({{"y", "2", false}});
    const auto own = ahead.empty() ? ahead : "Query 'BEGIN;" + ahead + ";COMMIT'; ";
    const auto answer = ahead.empty() ? ahead : "Complete 'COMMIT'; Ready I; ";
    d.play("client: Query '" + sql + "'\nto server: " + own + "Query '" + sql + "'\nserver: " + answer +
           "Complete 'x'; Ready I\nto client: Complete 'x'; Ready I");
  };
  const std::string role = ";SELECT pg_catalog.set_config(''role'',''ghost'',false)";
  const std::string x = "SELECT pg_catalog.set_config(''x'',''1'',false)";
  const std::string not_y = ";RESET \"y\"";
  plays(x + not_y, "reset role");
  CHECK(v.both("role") == "-");
  CHECK(v.both("x") == "1");
  plays(not_y.substr(1) + role, "reset x;");
  CHECK(v.both("x") == "-");
  CHECK(v.both("role") == "ghost");
  plays(role.substr(1), "reset all");
  CHECK(v.both("role") == "ghost");
  CHECK(v.both("x") == "-");
  plays("", "discard all");
  // Not where something else may run with it.
  plays(x + not_y + role, "reset role; select 1");
  plays(x + not_y + role, "select 1");
  // In an error it stays what the session wants.
  wants();
  d.server("server").current = settings({{"y", "2", false}});
  d.play(R"(
    client: Query 'reset x'
    to server: Query 'BEGIN;RESET "y";SELECT pg_catalog.set_config(''role'',''ghost'',false);COMMIT'; Query 'reset x'
    server: Complete 'COMMIT'; Ready I; Error 57014 'no'; Ready I
    to client: Error 57014 'no'; Ready I
  )");
  CHECK(v.wanted("x") == "1");
  CHECK(v.current("x") == "-");
}

TEST_CASE("settings: with on_session_state = pin, a setting that is not reported pins") {
  dialogue d;
  d.client("client").on_session_state = config::session_state_policy::pin;
  run(d, "set timezone = x", {"SET"});
  run(d, "reset timezone", {"RESET"});
  CHECK(d.releasable());
  run(d, "set work_mem = 1", {"SET"});
  CHECK(d.client("client").pin == pin_reason::setting);
}

TEST_CASE("settings: what the grammar may misread pins") {
  dialogue d;
  log_in(d, {{"client_encoding", "SJIS", true}, {"standard_conforming_strings", "off", true}});
  run(d, "set work_mem = 1", {"SET"});
  CHECK(d.releasable());
  SUBCASE("an encoding in which a byte may be half a character") {
    run(d, "set x.y = ''\x83\x5c''", {"SET"});
  }
  SUBCASE("a backslash that may escape") {
    run(d, "set x.y = ''a\\''", {"SET"});
  }
  CHECK(d.client("client").pin == pin_reason::setting);
}

}  // namespace
}  // namespace forebay
