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
      {"set session authorization x", "SET", "setting"},
      {"set search_path = x", "SET", ""},
      {"set search_path = x as y", "SET", "setting"},
      {"set search_path = x; select 1", "SET", ""},
      {"set timezone = x", "SET", ""},
      {"set timezone = x;", "SET", ""},
      {"set local search_path = x", "SET", ""},
      {"listen c newer", "LISTEN", "listen"},
      {"select 1; listen c newer", "LISTEN", "listen"},
      {"unlisten c", "UNLISTEN", ""},
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
    CHECK((d.server("server").left != 0) == (*c.pin != 0));
    CHECK(d.releasable() == (*c.pin == 0));
    // A later tag is not judged by what was said before.
    if (*c.pin) continue;
    run(d, "select 1", "SET");
    CHECK(d.releasable());
  }
}

TEST_CASE("state: the first reason is the one that is shown") {
  dialogue d;
  run(d, "listen c newer", "LISTEN");
  run(d, "load x", "LOAD");
  CHECK(d.client("client").pin == pin_reason::listen);
}

TEST_CASE("state: the same by the extended protocol, at Bind") {
  play(R"(
    client: Parse s 'load x'; Parse - 'select pg_advisory_lock(1)'; Sync
    to server: Parse [load x] 'load x'; Parse - 'select pg_advisory_lock(1)'; Sync
    server: ParseComplete; ParseComplete; Ready I
    to client: ParseComplete; ParseComplete; Ready I
    = unpinned, clean, releasable
    client: Bind s; Execute; Sync
    to server: Bind [load x]; Execute; Sync
    = unpinned
    server: BindComplete; Complete 'LOAD'; Ready I
    to client: BindComplete; Complete 'LOAD'; Ready I
    = pinned load, reset, not releasable
  )");
  play(R"(
    client: Parse - 'select pg_advisory_lock(1)'; Bind -
    to server: Parse - 'select pg_advisory_lock(1)'; Bind -
    = pinned advisory_lock, reset
  )");
}

TEST_CASE("state: what was said in a pipeline counts until all of it is answered") {
  play(R"(
    client: Query 'set x from current'; Query 'select 1'
    to server: Query 'set x from current'; Query 'select 1'
    server: Complete 'SET'
    to client: Complete 'SET'
    = pinned setting
  )");
  play(R"(
    client: Query 'select 1'; Query 'set x from current'
    to server: Query 'select 1'; Query 'set x from current'
    server: Complete 'SELECT 1'; Ready I; Complete 'SET'; Ready I
    to client: Complete 'SELECT 1'; Ready I; Complete 'SET'; Ready I
    = pinned setting
  )");
  play(R"(
    client: Query 'begin'
    to server: Query 'begin'
    server: Complete 'BEGIN'; Ready T
    to client: Complete 'BEGIN'; Ready T
    client: Query 'select 1; set newer syntax'
    to server: Query 'select 1; set newer syntax'
    server: Ready T
    to client: Ready T
    client: Parse - 'x'; Bind -; Execute; Sync
    to server: Parse - 'x'; Bind -; Execute; Sync
    server: ParseComplete; BindComplete; Complete 'SET'; Ready I
    to client: ParseComplete; BindComplete; Complete 'SET'; Ready I
    = pinned setting
  )");
  // But not for a text that is known to do nothing of the kind.
  play(R"(
    client: Query 'selec 7; release t'; Query 'set timezone = 1'
    to server: Query 'selec 7; release t'; Query 'set timezone = 1'
    server: Error 42601 'syntax'; Ready I; Complete 'SET'; Ready I
    to client: Error 42601 'syntax'; Ready I; Complete 'SET'; Ready I
    = unpinned
  )");
}

TEST_CASE("state: refused where the configuration says so, by the server, so that transactions end in it") {
  dialogue d;
  d.client("client").on_session_state = config::session_state_policy::refuse;
  d.from_client(test::message("Query 'set session authorization secret'", false));
  const auto instead = d.take_to_server();
  CHECK(instead[0] == 'Q');
  CHECK(instead.find("0A000") != std::string::npos);
  CHECK(instead.find("secret") == std::string::npos);
  d.play(R"(
    server: Error 0A000 'refused'; Ready E
    to client: Error 0A000 'refused'; Ready E
    = unpinned, clean
  )");
  d.from_client(test::message("Parse s 'listen c newer'", false) + test::message("Parse - 'load x'", false));
  const auto parses = d.take_to_server();
  CHECK(parses.find("newer") == std::string::npos);
  CHECK(parses.find("load x") == std::string::npos);
  CHECK(parses.find("0A000") != parses.rfind("0A000"));
  dialogue lock;
  lock.client("client").on_session_state = config::session_state_policy::refuse;
  lock.from_client(test::message("Parse - 'select pg_advisory_lock(1)'", false) + test::message("Bind -", false) +
                   test::message("Parse s 'select pg_advisory_lock(1)'", false) + test::message("Bind s", false));
  CHECK(lock.client("client").pin == pin_reason::none);
  dialogue harmless;
  harmless.client("client").on_session_state = config::session_state_policy::refuse;
  for (const auto* sql : {"select 1; select 2", "reset all", "reset x", "set timezone = x;", "discard all",
                          "set local x = 1", "set x = 1", "savepoint x"}) {
    CAPTURE(sql);
    run(harmless, sql, "SELECT 1");
    CHECK(harmless.releasable());
  }
  dialogue session;
  session.client("client").mode = config::pool_mode::session;
  session.client("client").on_session_state = config::session_state_policy::refuse;
  run(session, "load x", "LOAD");
}

TEST_CASE("state: DISCARD ALL leaves nothing") {
  dialogue d;
  d.client("client").settings.at_login = d.client("client").settings.wanted =
      settings({{"TimeZone", "Tokyo", true}, {"search_path", "app", false}});
  d.server("server").initial = settings({{"TimeZone", "UTC", true}});
  d.server("server").current = d.client("client").settings.wanted;
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
    to client: Complete 'DISCARD ALL'; Ready I
    = unpinned, clean, prepared 0, releasable
  )");
  CHECK(d.client("client").settings.wanted == d.client("client").settings.at_login);
  CHECK(d.server("server").current == d.server("server").initial);
  CHECK_FALSE(d.client("client").find_statement("s"));
}

TEST_CASE("state: our own DISCARD ALL for a client that has left") {
  dialogue d;
  run(d, "listen c newer", "LISTEN");
  d.client("client").gone = true;
  const auto wanted = d.client("client").settings.wanted;
  gather to_server, to_client;
  classifier sql;
  exchange talk(d.client("client"), d.server("server"), to_server, to_client, sql);
  talk.run_own("DISCARD ALL");
  d.play(R"(
    server: Complete 'DISCARD ALL'; Setting TimeZone 'UTC'; Ready I
    = clean, prepared 0, transactions 1
  )");
  CHECK(d.client("client").settings.wanted->find("TimeZone"));
}

TEST_CASE("state: what was sent behind the DISCARD ALL of a client that has left is undone") {
  for (const auto mode : {config::pool_mode::transaction, config::pool_mode::session}) {
    dialogue d;
    d.client("client").mode = mode;
    if (mode == config::pool_mode::session) d.server("server").left = mask_of(pin_reason::session_mode);
    d.play(R"(
      client: Query 'discard all'; Query 'create temp table t ()'
      to server: Query 'discard all'; Query 'create temp table t ()'
    )");
    d.client("client").gone = true;
    d.play(R"(
      server: Complete 'DISCARD ALL'; Ready I; Complete 'CREATE TABLE'; Ready I
    )");
    CHECK(d.server("server").left != 0);
  }
}

TEST_CASE("state: DEALLOCATE ALL unpins what PREPARE pinned, and nothing else") {
  dialogue d;
  run(d, "prepare p as select 1", "PREPARE");
  CHECK_FALSE(d.releasable());
  run(d, "deallocate all", "DEALLOCATE ALL");
  CHECK(d.releasable());
  run(d, "listen c newer", "LISTEN");
  run(d, "deallocate all", "DEALLOCATE ALL");
  CHECK_FALSE(d.releasable());
}

TEST_CASE("state: a pin ends when the server says that its reason has ended") {
  dialogue d;
  gather to_server, to_client;
  classifier sql;
  const auto ask = [&] {
    exchange talk(d.client("client"), d.server("server"), to_server, to_client, sql);
    const bool in_doubt = talk.pin_is_in_doubt();
    if (in_doubt) talk.ask_whether_pinned();
    to_server.clear();
    return in_doubt;
  };
  run(d, "select pg_advisory_lock(1)", "SELECT 1");
  CHECK_FALSE(ask());
  run(d, "select pg_advisory_unlock(1)", "SELECT 1");
  CHECK(ask());
  d.play("server: Row '1'; Complete 'SELECT 1'; Ready I");
  CHECK_FALSE(d.releasable());  // it was locked twice
  CHECK_FALSE(ask());
  run(d, "select pg_advisory_unlock(1)", "SELECT 1");
  CHECK(ask());
  d.play("server: Error 57014 'a late cancel'; Ready I");
  CHECK_FALSE(d.releasable());
  run(d, "begin", "BEGIN", 'T');
  run(d, "rollback", "ROLLBACK");
  CHECK(ask());
  d.play(R"(
    server: Complete 'SELECT 0'; Ready I
    = unpinned, clean, releasable
  )");
}

TEST_CASE("state: a LISTEN is kept from the server, which says what it would say to it") {
  dialogue d;
  d.play(R"(
    client: Query 'listen a; select 1'
    to server: Query ' UNLISTEN a /* forebay: LISTEN */; select 1'
    server: Complete 'UNLISTEN'; Complete 'SELECT 1'; Ready I
    to client: Complete 'LISTEN'; Complete 'SELECT 1'; Ready I
    = unpinned, clean, releasable
    client: Parse s 'listen b'; Bind s; Execute; Sync
    to server: Parse [ UNLISTEN b /* forebay: LISTEN */] ' UNLISTEN b /* forebay: LISTEN */'
    to server: Bind [ UNLISTEN b /* forebay: LISTEN */]; Execute; Sync
    server: ParseComplete; BindComplete; Complete 'UNLISTEN'; Ready I
    to client: ParseComplete; BindComplete; Complete 'LISTEN'; Ready I
    = unpinned, clean, releasable
    client: Query 'unlisten b'
    to server: Query 'unlisten b'
    server: Complete 'UNLISTEN'; Ready I
    to client: Complete 'UNLISTEN'; Ready I
  )");
  const auto changes = d.client("client").settings.take_channels();
  CHECK(changes.size() == 3);
  dialogue session;
  session.client("client").mode = config::pool_mode::session;
  run(session, "listen c", "LISTEN");
  CHECK_FALSE(session.client("client").settings.channels_changed(true));
}

TEST_CASE("state: what is said about channels counts once it is committed") {
  dialogue d;
  const auto said = [&] {
    std::string all;
    for (const auto& c : d.client("client").settings.take_channels())
      all += "lu*"[static_cast<int>(c.what)] + c.channel + ' ';
    return all;
  };
  const auto run_all = [&](const std::string& sql, std::vector<std::string> tags, char status) {
    d.from_client(test::message("Query '" + sql + "'", false));
    d.take_to_server();
    for (const auto& tag : tags)
      d.from_server(tag == "ERROR" ? test::message("Error 22012 'no'", true)
                                   : test::message("Complete '" + tag + "'", true));
    CHECK_FALSE(d.client("client").settings.channels_changed(false));
    d.from_server(test::message(std::string("Ready ") + status, true));
    d.take_to_client();
  };
  run_all("unlisten *", {"UNLISTEN"}, 'I');
  CHECK(said().empty());  // there is nothing to leave
  run_all("begin; listen a; rollback", {"BEGIN", "UNLISTEN", "ROLLBACK"}, 'I');
  CHECK(said().empty());
  run_all("listen a; select 1/0", {"UNLISTEN", "ERROR"}, 'I');
  CHECK(said().empty());
  run_all("begin; listen a", {"BEGIN", "UNLISTEN"}, 'T');
  run_all("savepoint x; listen b; savepoint y; listen c; release y; listen d; rollback to x; listen e; unlisten *",
          {"SAVEPOINT", "UNLISTEN", "SAVEPOINT", "UNLISTEN", "RELEASE", "UNLISTEN", "ROLLBACK", "UNLISTEN", "UNLISTEN"},
          'T');
  run_all("savepoint z; listen f; release z", {"SAVEPOINT", "UNLISTEN", "RELEASE"}, 'T');
  d.from_client(test::message("Query 'commit'", false));
  d.take_to_server();
  d.from_server(test::message("Complete 'COMMIT'", true) + test::message("Ready I", true));
  CHECK(said() == "la le * lf ");
  d.take_to_client();
  d.from_client(test::message("Query 'discard all'", false));
  d.take_to_server();
  d.from_server(test::message("Complete 'DISCARD ALL'", true) + test::message("Ready I", true));
  CHECK(said() == "* ");
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
  run(d, "listen c newer", "LISTEN");
  d.play(R"(
    server: Notification c 'yours'
    to client: Notification c 'yours'
  )");
}

}  // namespace
}  // namespace forebay
