#include <doctest/doctest.h>

#include "tests/unit/session/dialogue.hpp"

// Session state that may not leak: pins, refusals, what undoes them, and notifications.
namespace forebay {
namespace {

using test::dialogue;
using test::play;

// One simple query and its plain answer.
void run(dialogue& d, const std::string& sql, const std::string& tag, char status = 'I') {
  d.from_client(test::message("Query '" + sql + "'", false));
  CHECK(d.take_to_server() == test::message("Query '" + sql + "'", false));
  const auto answer =
      test::message("Complete '" + tag + "'", true) + test::message(std::string("Ready ") + status, true);
  d.from_server(answer);
  CHECK(d.take_to_client() == answer);
}

parameters settings(std::vector<parameter_set::entry> entries) {
  return parameter_set::intern(std::move(entries));
}

TEST_CASE("state: what pins, and since when") {
  struct {
    const char *sql, *tag, *pin;
  } const cases[] = {
      {"set search_path = x", "SET", "setting"},
      {"select 1; set timezone = x", "SET", "setting"},
      {"set timezone = x", "SET", ""},
      {"set timezone = x;", "SET", ""},
      {"set local search_path = x", "SET", ""},
      {"listen c", "LISTEN", "listen"},
      {"select 1; listen c", "LISTEN", "listen"},
      {"prepare p as select 1", "PREPARE", "prepared_statement"},
      {"load x", "LOAD", "load"},
      {"declare c cursor with hold for select 1", "DECLARE CURSOR", "hold_cursor"},
      {"declare c cursor for select 1", "DECLARE CURSOR", ""},
      {"create temp table t ()", "CREATE TABLE", "temporary_table"},
      {"create temp table t () on commit drop", "CREATE TABLE", ""},
      {"select pg_advisory_lock(1)", "SELECT 1", "advisory_lock"},
      {"select set_config(1)", "SELECT 1", "setting"},
      {"reset search_path", "RESET", ""},
      {"select 1", "SELECT 1", ""},
      {"select 1; select 2", "SELECT 1", ""},
  };
  for (const auto& c : cases) {
    CAPTURE(c.sql);
    dialogue d;
    run(d, c.sql, c.tag);
    CHECK(to_text(d.client("client").pin) == std::string_view(c.pin));
    CHECK(d.server("server").needs_reset == (*c.pin != 0));
    CHECK(d.releasable() == (*c.pin == 0));
    // A later tag is not judged by what was said before.
    if (*c.pin) continue;
    run(d, "select 1", "SET");
    CHECK(d.releasable());
  }
}

TEST_CASE("state: the first reason is the one that is shown") {
  dialogue d;
  run(d, "listen c", "LISTEN");
  run(d, "set search_path = x", "SET");
  CHECK(d.client("client").pin == pin_reason::listen);
}

TEST_CASE("state: the same by the extended protocol, at Bind") {
  play(R"(
    client: Parse s 'set search_path = x'; Parse - 'select pg_advisory_lock(1)'; Sync
    to server: Parse [set search_path = x] 'set search_path = x'; Parse - 'select pg_advisory_lock(1)'; Sync
    server: ParseComplete; ParseComplete; Ready I
    to client: ParseComplete; ParseComplete; Ready I
    = unpinned, clean, releasable
    client: Bind s; Execute; Sync
    to server: Bind [set search_path = x]; Execute; Sync
    = unpinned
    server: BindComplete; Complete 'SET'; Ready I
    to client: BindComplete; Complete 'SET'; Ready I
    = pinned setting, reset, not releasable
  )");
  play(R"(
    client: Parse - 'select pg_advisory_lock(1)'; Bind -
    to server: Parse - 'select pg_advisory_lock(1)'; Bind -
    = pinned advisory_lock, reset
  )");
}

TEST_CASE("state: what was said in a pipeline counts until all of it is answered") {
  play(R"(
    client: Query 'set search_path = x'; Query 'select 1'
    to server: Query 'set search_path = x'; Query 'select 1'
    server: Complete 'SET'
    to client: Complete 'SET'
    = pinned setting
  )");
  play(R"(
    client: Query 'select 1'; Query 'set search_path = x'
    to server: Query 'select 1'; Query 'set search_path = x'
    server: Complete 'SELECT 1'; Ready I; Complete 'SET'; Ready I
    to client: Complete 'SELECT 1'; Ready I; Complete 'SET'; Ready I
    = pinned setting
  )");
  play(R"(
    client: Query 'begin'
    to server: Query 'begin'
    server: Complete 'BEGIN'; Ready T
    to client: Complete 'BEGIN'; Ready T
    client: Query 'select 1; select 2'
    to server: Query 'select 1; select 2'
    server: Ready T
    to client: Ready T
    client: Query 'x'
    to server: Query 'x'
    server: Complete 'SET'; Ready I
    to client: Complete 'SET'; Ready I
    = pinned setting
  )");
}

TEST_CASE("state: refused where the configuration says so, by the server, so that transactions end in it") {
  dialogue d;
  d.client("client").on_session_state = config::session_state_policy::refuse;
  d.from_client(test::message("Query 'set search_path = x'", false));
  const auto instead = d.take_to_server();
  CHECK(instead[0] == 'Q');
  CHECK(instead.find("0A000") != std::string::npos);
  CHECK(instead.find("search_path") == std::string::npos);
  d.play(R"(
    server: Error 0A000 'refused'; Ready E
    to client: Error 0A000 'refused'; Ready E
    = unpinned, clean
  )");
  d.from_client(test::message("Parse s 'listen c'", false) + test::message("Parse - 'load x'", false));
  const auto parses = d.take_to_server();
  CHECK(parses.find("listen c") == std::string::npos);
  CHECK(parses.find("load x") == std::string::npos);
  CHECK(parses.find("0A000") != parses.rfind("0A000"));
  dialogue lock;
  lock.client("client").on_session_state = config::session_state_policy::refuse;
  lock.from_client(test::message("Parse - 'select pg_advisory_lock(1)'", false) + test::message("Bind -", false) +
                   test::message("Parse s 'select pg_advisory_lock(1)'", false) + test::message("Bind s", false));
  CHECK(lock.client("client").pin == pin_reason::none);
  dialogue harmless;
  harmless.client("client").on_session_state = config::session_state_policy::refuse;
  for (const auto* sql :
       {"select 1; select 2", "reset all", "reset x", "set timezone = x;", "discard all", "set local x = 1"}) {
    CAPTURE(sql);
    run(harmless, sql, "SELECT 1");
    CHECK(harmless.releasable());
  }
  dialogue session;
  session.client("client").mode = config::pool_mode::session;
  session.client("client").on_session_state = config::session_state_policy::refuse;
  run(session, "set search_path = x", "SET");
}

TEST_CASE("state: DISCARD ALL leaves nothing") {
  dialogue d;
  d.client("client").at_login = d.client("client").wanted =
      settings({{"TimeZone", "Tokyo", true}, {"search_path", "app", false}});
  d.server("server").initial = settings({{"TimeZone", "UTC", true}});
  d.server("server").current = d.client("client").wanted;
  run(d, "create temp table t ()", "CREATE TABLE");
  d.play(R"(
    client: Parse s 'select 1'; Sync
    to server: Parse [select 1] 'select 1'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    = pinned temporary_table, reset, prepared 1
    client: Query 'discard all'
    to server: Query 'discard all'
    server: Complete 'DISCARD ALL'; Setting TimeZone 'UTC'; Ready I
    to client: Complete 'DISCARD ALL'; Setting TimeZone 'UTC'; Setting TimeZone 'Tokyo'; Ready I
    = unpinned, clean, prepared 0, releasable
  )");
  CHECK(d.client("client").wanted == d.client("client").at_login);
  CHECK(d.server("server").current == d.server("server").initial);
  CHECK_FALSE(d.client("client").find_statement("s"));
}

TEST_CASE("state: our own DISCARD ALL for a client that has left") {
  dialogue d;
  run(d, "listen c", "LISTEN");
  d.client("client").gone = true;
  const auto wanted = d.client("client").wanted;
  gather to_server, to_client;
  exchange talk(d.client("client"), d.server("server"), to_server, to_client);
  talk.run_own("DISCARD ALL");
  d.play(R"(
    server: Complete 'DISCARD ALL'; Setting TimeZone 'UTC'; Ready I
    = clean, prepared 0, transactions 1
  )");
  CHECK(d.client("client").wanted->find("TimeZone"));
}

TEST_CASE("state: DEALLOCATE ALL unpins what PREPARE pinned, and nothing else") {
  dialogue d;
  run(d, "prepare p as select 1", "PREPARE");
  CHECK_FALSE(d.releasable());
  run(d, "deallocate all", "DEALLOCATE ALL");
  CHECK(d.releasable());
  run(d, "listen c", "LISTEN");
  run(d, "deallocate all", "DEALLOCATE ALL");
  CHECK_FALSE(d.releasable());
}

TEST_CASE("state: RESET ALL goes back to what the login asked for, which the client is told") {
  dialogue d;
  d.client("client").at_login = settings({{"TimeZone", "Tokyo", true}, {"search_path", "app", false}});
  d.client("client").wanted = d.server("server").current =
      settings({{"TimeZone", "Paris", true}, {"search_path", "app", false}, {"DateStyle", "ISO", true}});
  d.play(R"(
    client: Query 'reset all'
    to server: Query 'reset all'
    server: Complete 'RESET'; Setting TimeZone 'UTC'; Ready I
    to client: Complete 'RESET'; Setting TimeZone 'UTC'; Setting TimeZone 'Tokyo'; Ready I
    = releasable
    client: Sync
    to server: Query 'SELECT pg_catalog.set_config(''search_path'',''app'',false),pg_catalog.set_config(''TimeZone'',''Tokyo'',false);RESET "DateStyle"'
    to server: Sync
    server: Complete 'SELECT 1'; Complete 'RESET'; Setting TimeZone 'Tokyo'; Ready I; Ready I
    to client: Ready I
    client: Sync
    to server: Sync
    server: Ready I
    to client: Ready I
  )");
  CHECK(d.client("client").wanted == d.client("client").at_login);
}

TEST_CASE("state: RESET of one setting leaves the others as they are") {
  dialogue d;
  d.client("client").at_login = d.client("client").wanted = d.server("server").current =
      settings({{"TimeZone", "Tokyo", true}, {"search_path", "app", false}, {"work_mem", "1MB", false}});
  run(d, "set search_path = other", "SET");
  d.play(R"(
    = pinned setting
    client: Query 'RESET Work_Mem'; Query 'reset time zone'; Query 'reset lock_timeout'
    to server: Query 'RESET Work_Mem'; Query 'reset time zone'; Query 'reset lock_timeout'
    server: Complete 'RESET'; Ready I; Complete 'RESET'; Setting TimeZone 'UTC'; Ready I; Complete 'RESET'; Ready I
    to client: Complete 'RESET'; Ready I; Complete 'RESET'; Setting TimeZone 'UTC'; Setting TimeZone 'Tokyo'; Ready I
    to client: Complete 'RESET'; Ready I
    client: Query 'select 1'
    to server: Query 'SELECT pg_catalog.set_config(''TimeZone'',''Tokyo'',false),pg_catalog.set_config(''work_mem'',''1MB'',false)'
    to server: Query 'select 1'
    server: Complete 'SELECT 1'; Setting TimeZone 'Tokyo'; Ready I; Complete 'SELECT 1'; Ready I
    to client: Complete 'SELECT 1'; Ready I
  )");
}

TEST_CASE("state: the client is not told what has not changed") {
  dialogue d;
  d.client("client").at_login = d.client("client").wanted = d.server("server").current =
      settings({{"TimeZone", "Tokyo", true}});
  run(d, "reset all", "RESET");
}

TEST_CASE("state: RESET in the company of others, one that failed, and one whose client has left") {
  dialogue d;
  d.client("client").at_login = d.client("client").wanted = d.server("server").current =
      settings({{"TimeZone", "Tokyo", true}, {"search_path", "app", false}, {"work_mem", "1MB", false}});
  run(d, "select 1; reset search_path", "RESET");
  d.play(R"(
    client: Query 'reset nonsense'
    to server: Query 'SELECT pg_catalog.set_config(''search_path'',''app'',false),pg_catalog.set_config(''work_mem'',''1MB'',false)'
    to server: Query 'reset nonsense'
    server: Complete 'SELECT 1'; Ready I; Error 42704 'unrecognized'; Ready I
    to client: Error 42704 'unrecognized'; Ready I
  )");
  run(d, "reset work_mem", "RESET");
  d.play(R"(
    client: Query 'reset all'
    to server: Query 'SELECT pg_catalog.set_config(''work_mem'',''1MB'',false)'; Query 'reset all'
    server: Complete 'SELECT 1'; Ready I
  )");
  d.client("client").gone = true;
  d.play("server: Setting TimeZone 'UTC'; Complete 'RESET'; Ready I");
  CHECK(d.client("client").reset.all == false);
}

TEST_CASE("state: the same for a RESET by the extended protocol") {
  dialogue d;
  d.client("client").at_login = d.client("client").wanted = d.server("server").current =
      settings({{"search_path", "app", false}, {"work_mem", "1MB", false}});
  d.play(R"(
    client: Parse - 'reset search_path'; Bind -; Execute; Sync
    to server: Parse - 'reset search_path'; Bind -; Execute; Sync
    server: ParseComplete; BindComplete; Complete 'RESET'; Ready I
    to client: ParseComplete; BindComplete; Complete 'RESET'; Ready I
    client: Sync
    to server: Query 'SELECT pg_catalog.set_config(''search_path'',''app'',false)'; Sync
  )");
}

TEST_CASE("state: notifications reach a session that keeps its server, and nobody else") {
  dialogue d;
  d.play(R"(
    client: Query 'select 1'
    to server: Query 'select 1'
    server: Notification c 'not yours'; Complete 'SELECT 1'; Ready I; Notification c 'not yours'
    to client: Complete 'SELECT 1'; Ready I
    = releasable
  )");
  run(d, "listen c", "LISTEN");
  d.play(R"(
    server: Notification c 'yours'
    to client: Notification c 'yours'
  )");
}

}  // namespace
}  // namespace forebay
