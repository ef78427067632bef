#include <doctest/doctest.h>

#include "protocol/wire/messages.hpp"
#include "tests/unit/session/dialogue.hpp"

// Prepared statements: names of clients and names of servers.
namespace forebay {
namespace {

using test::dialogue;
using test::play;

TEST_CASE("statements: only sessions that read a text alike share it") {
  struct {
    const char *setting, *one, *other, *text;
    bool shared;
  } const cases[] = {
      {"standard_conforming_strings", "on", "off", "select ''a\\''", false},
      {"standard_conforming_strings", "on", "off", "select ''a''", true},
      {"client_encoding", "UTF8", "LATIN1", "select \xc3\xa9", false},
      {"client_encoding", "UTF8", "LATIN1", "select e", true},
      {"DateStyle", "ISO, MDY", "ISO, DMY", "select ''1/2/2020''::date", false},
      {"DateStyle", "ISO, MDY", "ISO, DMY", "select $1::date", true},
      {"TimeZone", "UTC", "Oslo", "select ''now''", false},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text);
    std::string sent[2];
    for (const bool second : {false, true}) {
      dialogue d;
      auto& server = d.server("server");
      server.current = parameter_set::intern({{c.setting, second ? c.other : c.one, true}});
      d.client("client").settings.wanted = server.current;
      d.from_client(test::message(std::string("Parse s '") + c.text + "'", false));
      sent[second] = d.take_to_server();
    }
    CHECK((sent[0] == sent[1]) == c.shared);
  }
}

TEST_CASE(
    "statements: one that another server has to read is read by the settings of now, under a name of that reading") {
  const auto name_of_parse = [](const std::string& m) { return m.size() > 5 ? std::string(m.c_str() + 5) : ""; };
  dialogue d;
  auto& client = d.client("client");
  const auto use = [&](const char* server, const char* style) {
    d.play(std::string("== client on ") + server);
    client.settings.wanted = d.server(server).current = parameter_set::intern({{"DateStyle", style, true}});
  };
  use("one", "ISO, MDY");
  d.from_client(test::message("Parse s 'select ''1/2/2020''::date'", false) +
                test::message("Parse t 'select 1'", false));
  const auto at_first = name_of_parse(d.take_to_server());
  use("two", "ISO, DMY");
  d.from_client(test::message("Bind s", false));
  const auto then = name_of_parse(d.take_to_server());
  CHECK(at_first.starts_with(statement_prefix));
  CHECK(then.starts_with(statement_prefix));
  CHECK(at_first != then);
  d.play("client: Bind t\n to server: Parse [select 1] 'select 1'; Bind [select 1]");
  use("three", "ISO, MDY");
  d.from_client(test::message("Describe s", false));
  CHECK(name_of_parse(d.take_to_server()) == at_first);
}

TEST_CASE("statements: the name on the server is ours, the client's own in every reply") {
  play(R"(
    client: Parse s1 'select 1'; Describe s1; Bind s1 p; DescribePortal p; Execute p; ClosePortal p; Sync
    to server: Parse [select 1] 'select 1'; Describe [select 1]; Bind [select 1] p; DescribePortal p; Execute p; ClosePortal p; Sync
    server: ParseComplete; Parameters; Columns; BindComplete; Columns; Row '1'; Complete 'SELECT 1'; CloseComplete; Ready I
    to client: ParseComplete; Parameters; Columns; BindComplete; Columns; Row '1'; Complete 'SELECT 1'; CloseComplete; Ready I
    = releasable, prepared 1
  )");
}

TEST_CASE("statements: one name of two clients, two texts") {
  play(R"(
    == alice on one
    client: Parse s 'select 1'; Sync
    to server: Parse [select 1] 'select 1'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    == bob on one
    client: Parse s 'select 2'; Sync
    to server: Parse [select 2] 'select 2'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    == alice on one
    client: Bind s; Execute; Sync
    to server: Bind [select 1]; Execute; Sync
    server: BindComplete; Complete 'SELECT 1'; Ready I
    to client: BindComplete; Complete 'SELECT 1'; Ready I
    = releasable, prepared 2
  )");
}

TEST_CASE("statements: one text of two clients is prepared once, the second hears so in its turn") {
  play(R"(
    == alice on one
    client: Parse s 'select 1'; Sync
    to server: Parse [select 1] 'select 1'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    == bob on one
    client: Bind - p; Parse mine 'select 1'; Describe mine; Sync
    to server: Bind - p; Describe [select 1]; Sync
    server: BindComplete
    to client: BindComplete; ParseComplete
    server: Parameters; NoData; Ready I
    to client: Parameters; NoData; Ready I
    = releasable, prepared 1
    client: Parse again 'select 1'; Flush
    to server: Flush
    to client: ParseComplete
    = not releasable
    client: Sync
    to server: Sync
    server: Ready I
    to client: Ready I
    = releasable
  )");
}

TEST_CASE("statements: other parameter types, another statement") {
  dialogue d;
  const auto typed = wire::encode(wire::parse{"s", "select $1", std::string_view("\0\1\0\0\0\27", 6)});
  d.from_client(typed);
  const auto sent = d.take_to_server();
  CHECK(sent.find("select $1") != std::string::npos);
  d.play(R"(
    client: Sync
    to server: Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    client: Parse t 'select $1'; Sync
    to server: Parse [select $1] 'select $1'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    = prepared 2
  )");
}

TEST_CASE("statements: prepared again where the server lacks them, for Bind and for Describe") {
  play(R"(
    == alice on one
    client: Parse s 'select 1'; Parse t 'select 2'; Sync
    to server: Parse [select 1] 'select 1'; Parse [select 2] 'select 2'; Sync
    server: ParseComplete; ParseComplete; Ready I
    to client: ParseComplete; ParseComplete; Ready I
    == alice on two
    client: Bind s; Execute; Bind s; Execute; Sync
    to server: Parse [select 1] 'select 1'; Bind [select 1]; Execute; Bind [select 1]; Execute; Sync
    server: ParseComplete; BindComplete; Complete 'SELECT 1'; BindComplete; Complete 'SELECT 1'; Ready I
    to client: BindComplete; Complete 'SELECT 1'; BindComplete; Complete 'SELECT 1'; Ready I
    client: Describe t; Sync
    to server: Parse [select 2] 'select 2'; Describe [select 2]; Sync
    server: ParseComplete; Parameters; Columns; Ready I
    to client: Parameters; Columns; Ready I
    = releasable, prepared 2
  )");
}

TEST_CASE("statements: where preparing again fails, the Bind gets the error") {
  play(R"(
    == alice on one
    client: Parse s 'select * from t'; Sync
    to server: Parse [select * from t] 'select * from t'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    == alice on two
    client: Bind s; Execute; Sync
    to server: Parse [select * from t] 'select * from t'; Bind [select * from t]; Execute; Sync
    server: Error 42P01 'no such table'; Ready I
    to client: Error 42P01 'no such table'; Ready I
    = releasable, prepared 0
    client: Bind s; Sync
    to server: Parse [select * from t] 'select * from t'; Bind [select * from t]; Sync
    server: ParseComplete; BindComplete; Ready I
    to client: BindComplete; Ready I
    = prepared 1
  )");
}

TEST_CASE("statements: the same for the unnamed one") {
  dialogue d;
  d.play(R"(
    client: Parse - 'select $1'; Sync
    to server: Parse - 'select $1'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
  )");
  const auto typed = wire::encode(wire::parse{"", "select $1", std::string_view("\0\1\0\0\0\27", 6)});
  d.from_client(typed);
  CHECK(d.take_to_server() == typed);
  d.play("== client on another");
  d.from_client(test::message("Bind -", false));
  CHECK(d.take_to_server().substr(0, typed.size()) == typed);
}

TEST_CASE("statements: our own queries end the unnamed one on the server, not for the client") {
  dialogue d;
  d.client("bob").settings.wanted = parameter_set::intern({{"search_path", "bobs", false}});
  d.play(R"(
    == alice on one
    client: Parse - 'select 1'; Sync
    to server: Parse - 'select 1'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    == bob on one
    client: Sync
    to server: Query 'BEGIN;SELECT pg_catalog.set_config(''search_path'',''bobs'',false);COMMIT'; Sync
    server: Complete 'SELECT 1'; Ready I; Ready I
    to client: Ready I
  )");
  d.client("alice").settings.wanted = d.client("bob").settings.wanted;
  d.play(R"(
    == alice on one
    client: Bind -; Sync
    to server: Parse - 'select 1'; Bind -; Sync
  )");
}

TEST_CASE("statements: the least recently used one makes room, closed without anybody's notice") {
  dialogue d;
  d.server("server").max_prepared = 2;
  d.play(R"(
    client: Parse a 'A'; Parse b 'B'; Bind a; Parse c 'C'; Sync
    to server: Parse [A] 'A'; Parse [B] 'B'; Bind [A]; Close [B]; Parse [C] 'C'; Sync
    server: ParseComplete; ParseComplete; BindComplete; CloseComplete; ParseComplete; Ready I
    to client: ParseComplete; ParseComplete; BindComplete; ParseComplete; Ready I
    = prepared 2
    client: Bind b; Sync
    to server: Close [A]; Parse [B] 'B'; Bind [B]; Sync
    server: CloseComplete; ParseComplete; BindComplete; Ready I
    to client: BindComplete; Ready I
    = prepared 2
  )");
}

TEST_CASE("statements: a limit of none keeps one, the one in use") {
  dialogue d;
  d.server("server").max_prepared = 0;
  d.play(R"(
    client: Parse a 'A'; Parse b 'B'; Sync
    to server: Parse [A] 'A'; Close [A]; Parse [B] 'B'; Sync
    server: ParseComplete; CloseComplete; ParseComplete; Ready I
    to client: ParseComplete; ParseComplete; Ready I
    = prepared 1
  )");
}

TEST_CASE("statements: a failed Parse leaves no trace on either side") {
  play(R"(
    client: Parse s 'selec'; Bind s; Sync
    to server: Parse [selec] 'selec'; Bind [selec]; Sync
    server: Error 42601 'syntax error'; Ready I
    to client: Error 42601 'syntax error'; Ready I
    = releasable, prepared 0
    client: Bind s; Sync
    to server: Bind s; Sync
    server: Error 26000 'prepared statement "s" does not exist'; Ready I
    to client: Error 26000 'prepared statement "s" does not exist'; Ready I
    client: Parse s 'selec'; Sync
    to server: Parse [selec] 'selec'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    = prepared 1
  )");
}

TEST_CASE("statements: a name in use is refused in PostgreSQL's words with the client's name") {
  dialogue d;
  d.play(R"(
    client: Parse s1 'select 1'; Sync
    to server: Parse [select 1] 'select 1'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    client: Parse s1 'select 2'; Sync
    to server: Parse [select 1] 'select 2'; Sync
    server: Error 42P05 'prepared statement "[select 1]" already exists'; Ready I
    to client: Error 42P05 'prepared statement "s1" already exists'; Ready I
    = releasable, prepared 1
    client: Bind s1; Sync
    to server: Bind [select 1]; Sync
    server: BindComplete; Ready I
    to client: BindComplete; Ready I
    == client on another
    client: Parse s1 'select 1'; Sync
    to server: Parse [] ''; Parse [] 'select 1'; Sync
    server: ParseComplete; Error 42P05 'prepared statement "[]" already exists'; Ready I
    to client: Error 42P05 'prepared statement "s1" already exists'; Ready I
    = releasable, prepared 1
  )");
  CHECK_FALSE(d.server("server").doubtful);
  CHECK_FALSE(d.server("another").doubtful);
}

TEST_CASE("statements: unknown names are the server's to refuse, and closing one is no error") {
  play(R"(
    client: Bind nobody; Sync; Describe nobody; Sync; Close nobody; Sync
    to server: Bind nobody; Sync; Describe nobody; Sync; Close nobody; Sync
    server: Error 26000 'no nobody'; Ready I; Error 26000 'no nobody'; Ready I; CloseComplete; Ready I
    to client: Error 26000 'no nobody'; Ready I; Error 26000 'no nobody'; Ready I; CloseComplete; Ready I
    = releasable
  )");
}

TEST_CASE("statements: the unnamed one moves with its client, and nobody gets another's") {
  play(R"(
    == alice on one
    client: Parse - 'select 1'; Sync
    to server: Parse - 'select 1'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    = prepared 0
    client: Bind -; Sync
    to server: Bind -; Sync
    server: BindComplete; Ready I
    to client: BindComplete; Ready I
    == bob on one
    client: Bind -; Sync
    to server: Close -; Bind -; Sync
    server: CloseComplete; Error 26000 'unnamed prepared statement does not exist'; Ready I
    to client: Error 26000 'unnamed prepared statement does not exist'; Ready I
    client: Describe -; Sync
    to server: Describe -; Sync
    server: Error 26000 'unnamed prepared statement does not exist'; Ready I
    to client: Error 26000 'unnamed prepared statement does not exist'; Ready I
    == alice on one
    client: Describe -; Sync
    to server: Parse - 'select 1'; Describe -; Sync
    server: ParseComplete; Parameters; Columns; Ready I
    to client: Parameters; Columns; Ready I
    == alice on two
    client: Bind -; Execute; Sync
    to server: Parse - 'select 1'; Bind -; Execute; Sync
    server: ParseComplete; BindComplete; Complete 'SELECT 1'; Ready I
    to client: BindComplete; Complete 'SELECT 1'; Ready I
    client: Close -; Bind -; Sync
    to server: Close -; Bind -; Sync
    server: CloseComplete; Error 26000 'gone'; Ready I
    to client: CloseComplete; Error 26000 'gone'; Ready I
  )");
}

TEST_CASE("statements: a simple query and a failed Parse end the unnamed one, an error before its Parse does not") {
  play(R"(
    client: Parse - 'select 1'; Sync; Query 'select 2'
    to server: Parse - 'select 1'; Sync; Query 'select 2'
    server: ParseComplete; Ready I; Complete 'SELECT 1'; Ready I
    to client: ParseComplete; Ready I; Complete 'SELECT 1'; Ready I
    client: Query 'select 2'; Bind -; Sync
    to server: Query 'select 2'; Bind -; Sync
    server: Complete 'SELECT 1'; Ready I; Error 26000 'gone'; Ready I
    to client: Complete 'SELECT 1'; Ready I; Error 26000 'gone'; Ready I
    client: Parse - 'select 1'; Sync; Bind nobody; Parse - 'select 3'; Sync
    to server: Parse - 'select 1'; Sync; Bind nobody; Parse - 'select 3'; Sync
    server: ParseComplete; Ready I; Error 26000 'nobody'; Ready I
    to client: ParseComplete; Ready I; Error 26000 'nobody'; Ready I
    client: Bind -; Sync
    to server: Parse - 'select 1'; Bind -; Sync
    server: ParseComplete; BindComplete; Ready I
    to client: BindComplete; Ready I
    client: Parse - 'nonsense'; Sync
    to server: Parse - 'nonsense'; Sync
    server: Error 42601 'syntax error'; Ready I
    to client: Error 42601 'syntax error'; Ready I
    client: Bind -; Sync
    to server: Close -; Bind -; Sync
    server: CloseComplete; Error 26000 'gone'; Ready I
    to client: Error 26000 'gone'; Ready I
  )");
}

TEST_CASE("statements: DEALLOCATE ALL takes the client's, other clients' are prepared again") {
  play(R"(
    == bob on one
    client: Parse b 'select 1'; Sync
    to server: Parse [select 1] 'select 1'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    == alice on one
    client: Parse a 'select 1'; Sync; Query 'deallocate all'
    to server: Sync; Query 'deallocate all'
    server: Ready I; Complete 'DEALLOCATE ALL'; Ready I
    to client: ParseComplete; Ready I; Complete 'DEALLOCATE ALL'; Ready I
    = releasable, prepared 0
    client: Bind a; Sync
    to server: Bind a; Sync
    server: Error 26000 'gone'; Ready I
    to client: Error 26000 'gone'; Ready I
    == bob on one
    client: Bind b; Sync
    to server: Parse [select 1] 'select 1'; Bind [select 1]; Sync
    server: ParseComplete; BindComplete; Ready I
    to client: BindComplete; Ready I
  )");
}

TEST_CASE("statements: queries skipped behind an error leave the unnamed statement, whoever's it is") {
  play(R"(
    == bob on one
    client: Parse - 'select 7'; Sync
    to server: Parse - 'select 7'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    == alice on one
    client: Execute; Query 'x'; Query 'y'; Sync
    to server: Execute; Query 'x'; Query 'y'; Sync
    server: Error 34000 'no portal'; Ready I
    to client: Error 34000 'no portal'; Ready I
    client: Bind -; Sync
    to server: Close -; Bind -; Sync
    server: CloseComplete; Error 26000 'unnamed'; Ready I
    to client: Error 26000 'unnamed'; Ready I
    client: Parse - 'select 8'; Sync
    to server: Parse - 'select 8'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    client: Execute; Query 'x'; Query 'y'; Bind -; Sync
    to server: Execute; Query 'x'; Query 'y'; Close -; Bind -; Sync
    server: Error 34000 'no portal'; Ready I
    to client: Error 34000 'no portal'; Ready I
    client: Bind -; Sync
    to server: Parse - 'select 8'; Bind -; Sync
    server: ParseComplete; BindComplete; Ready I
    to client: BindComplete; Ready I
  )");
}

TEST_CASE("statements: one too many is refused by the server") {
  limit_statements(0);
  dialogue d;
  d.from_client(test::message("Parse s 'select 1'", false) + test::message("Bind s", false));
  limit_statements(std::size_t{1} << 30);
  CHECK(d.take_to_server().find("53200") != std::string::npos);
  const auto answer = test::message("ParseComplete", true) + test::message("BindComplete", true);
  d.from_server(answer);
  CHECK(d.take_to_client() == answer);
}

TEST_CASE("statements: behind a change of the schema a Parse is a Parse again") {
  dialogue d;
  std::atomic<std::uint32_t> era{1};
  d.server("one").schema_era = d.server("two").schema_era = &era;
  d.play(R"(
    == alice on one
    client: Parse s 'select'; Sync
    to server: Parse [select] 'select'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    == carol on two
    client: Query 'alter table x'
    to server: Query 'alter table x'
    server: Complete 'ALTER TABLE'; Ready I
    to client: Complete 'ALTER TABLE'; Ready I
    == bob on one
    client: Parse t 'select'; Sync
    to server: Close [select]; Parse [select] 'select'; Sync
    server: CloseComplete; ParseComplete; Ready I
    to client: ParseComplete; Ready I
    client: Parse u 'select'; Sync
    to server: Sync
    server: Ready I
    to client: ParseComplete; Ready I
  )");
}

TEST_CASE("statements: an outdated plan is made anew when the client asks in the transaction, and behind it for all") {
  play(R"(
    == alice on one
    client: Parse s 'select'; Sync; Query 'begin'
    to server: Parse [select] 'select'; Sync; Query 'begin'
    server: ParseComplete; Ready I; Complete 'BEGIN'; Ready T
    to client: ParseComplete; Ready I; Complete 'BEGIN'; Ready T
    client: Bind s; Sync
    to server: Bind [select]; Sync
    server: Error 0A000 'cached plan must not change result type' RevalidateCachedQuery; Ready E
    to client: Error 0A000 'cached plan must not change result type' RevalidateCachedQuery; Ready E
    client: Query 'rollback to p'
    to server: Query 'rollback to p'
    server: Complete 'ROLLBACK'; Ready T
    to client: Complete 'ROLLBACK'; Ready T
    client: Close s; Parse t 'select'; Bind t; Sync
    to server: Close s; Close [select]; Parse [select] 'select'; Bind [select]; Sync
    server: CloseComplete; CloseComplete; ParseComplete; BindComplete; Ready T
    to client: CloseComplete; ParseComplete; BindComplete; Ready T
    client: Query 'commit'
    to server: Query 'commit'
    server: Complete 'COMMIT'; Ready I
    to client: Complete 'COMMIT'; Ready I
    client: Bind t; Sync
    to server: Query 'DEALLOCATE ALL'; Parse [select] 'select'; Bind [select]; Sync
    server: Complete 'DEALLOCATE ALL'; Ready I; ParseComplete; BindComplete; Ready I
    to client: BindComplete; Ready I
  )");
}

TEST_CASE("statements: EXECUTE and DEALLOCATE in SQL know the client's names, and wait for all before them") {
  play(R"(
    == alice on one
    client: Parse s 'select 1'; Sync
    to server: Parse [select 1] 'select 1'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    == alice on two
    client: Query 'execute s'; Query 'execute nobody'
    to server: Parse [select 1] 'select 1'; Sync; Query 'execute [select 1]'; Query 'execute nobody'
    server: ParseComplete; Ready I; Complete 'SELECT 1'; Ready I; Error 26000 'nobody'; Ready I
    to client: Complete 'SELECT 1'; Ready I; Error 26000 'nobody'; Ready I
    = releasable, prepared 1
    client: Query 'select 2'; Query 'deallocate s'
    to server: Query 'select 2'
    server: Complete 'SELECT 1'; Ready I
    to client: Complete 'SELECT 1'; Ready I
    to server: Query 'deallocate [select 1]'
    server: Complete 'DEALLOCATE'; Ready I
    to client: Complete 'DEALLOCATE'; Ready I
    = releasable, prepared 0
    client: Bind s; Sync
    to server: Bind s; Sync
  )");
}

TEST_CASE("statements: a DEALLOCATE in SQL that fails leaves the statement") {
  play(R"(
    client: Parse s 'select 1'; Sync
    to server: Parse [select 1] 'select 1'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    client: Query 'deallocate s'
    to server: Query 'deallocate [select 1]'
    server: Error 57014 'canceling statement due to user request'; Ready I
    to client: Error 57014 'canceling statement due to user request'; Ready I
    = releasable, prepared 1
    client: Bind s; Sync
    to server: Bind [select 1]; Sync
  )");
}

TEST_CASE("statements: in session mode names are the client's own") {
  dialogue d;
  d.client("client").mode = config::pool_mode::session;
  d.client("client").pin = pin_reason::session_mode;
  d.play(R"(
    client: Parse s 'select 1'; Describe s; Bind s; Execute; Close s; Parse - 'x'; Bind -; Sync
    to server: Parse s 'select 1'; Describe s; Bind s; Execute; Close s; Parse - 'x'; Bind -; Sync
    server: ParseComplete; Parameters; Columns; BindComplete; Complete 'SELECT 1'; CloseComplete; ParseComplete; BindComplete; Ready I
    to client: ParseComplete; Parameters; Columns; BindComplete; Complete 'SELECT 1'; CloseComplete; ParseComplete; BindComplete; Ready I
    = not releasable, prepared 0
    client: Parse s 'x'; Sync
    to server: Parse s 'x'; Sync
    server: Error 42P05 'prepared statement "s" already exists'; Ready I
    to client: Error 42P05 'prepared statement "s" already exists'; Ready I
    client: Query 'discard all'
    to server: Query 'discard all'
    server: Complete 'DISCARD ALL'; Ready I
    to client: Complete 'DISCARD ALL'; Ready I
    = pinned session_mode, reset, not releasable
  )");
}

TEST_CASE("statements: an error shows the name by which the client asked, whatever names there are now") {
  const std::string made = R"(
    client: Parse s 'a'; Parse t 'a'; Sync
    to server: Parse [a] 'a'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; ParseComplete; Ready I
  )";
  for (const std::string name : {"s", "t"}) {
    CAPTURE(name);
    play(made + "client: Bind " + name + "; Close s; Close t; Sync\n" + R"(
      to server: Bind [a]; Close s; Close t; Sync
      server: Error 08P01 'prepared statement "[a]" requires 1'; Ready I
      to client: Error 08P01 'prepared statement ")" +
         name + R"(" requires 1'; Ready I
    )");
    play(made + "client: Query 'execute " + name + "(1)'\n" + R"(
      to server: Query 'execute [a](1)'
      server: Error 42601 'wrong number of parameters for prepared statement "[a]"'; Ready I
      to client: Error 42601 'wrong number of parameters for prepared statement ")" +
         name + R"("'; Ready I
    )");
    play("== client on one\n" + made + "== client on two\nclient: Describe " + name + "; Sync\n" + R"(
      to server: Parse [a] 'a'; Describe [a]; Sync
      server: Error 42601 'in "[a]"'; Ready I
      to client: Error 42601 'in ")" +
         name + R"("'; Ready I
    )");
  }
}

TEST_CASE("statements: a Close of a name like ours closes nothing of ours, nor does a Parse that may be refused") {
  play(R"(
    client: Parse s 'a'; Sync
    to server: Parse [a] 'a'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    client: Close [a]; Sync
    to server: Close forebay_; Sync
    server: CloseComplete; Ready I
    to client: CloseComplete; Ready I
    client: Query 'begin'; Parse t 'a'; Bind t; Sync
    to server: Query 'begin'; Parse forebay_ 'a'; Close forebay_; Bind [a]; Sync
    server: Complete 'BEGIN'; Ready T; ParseComplete; CloseComplete; BindComplete; Ready T
    to client: Complete 'BEGIN'; Ready T; ParseComplete; BindComplete; Ready T
    = prepared 1
  )");
}

TEST_CASE("statements: SQL and the protocol know each other's names") {
  play(R"(
    client: Query 'prepare q as x'
    to server: Query 'prepare q as x'
    server: Complete 'PREPARE'; Ready I
    to client: Complete 'PREPARE'; Ready I
    = pinned prepared_statement
    client: Parse q 'a'; Sync; Bind q; Sync; Query 'execute q'
    to server: Parse q 'a'; Sync; Bind q; Sync; Query 'execute q'
    server: Error 42P05 '"q" exists'; Ready I; BindComplete; Ready I; Complete 'SELECT 1'; Ready I
    to client: Error 42P05 '"q" exists'; Ready I; BindComplete; Ready I; Complete 'SELECT 1'; Ready I
    client: Close q; Parse q 'a'; Bind q; Sync; Query 'deallocate all'
    to server: Close q; Parse q 'a'; Bind q; Sync; Query 'deallocate all'
    server: CloseComplete; ParseComplete; BindComplete; Ready I; Complete 'DEALLOCATE ALL'; Ready I
    to client: CloseComplete; ParseComplete; BindComplete; Ready I; Complete 'DEALLOCATE ALL'; Ready I
    = unpinned
    client: Parse q 'a'; Sync
    to server: Parse [a] 'a'; Sync
  )");
  play(R"(
    client: Parse q 'a'; Sync
    to server: Parse [a] 'a'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    client: Query ' /* x */ Prepare "q" as x'
    to server: Query ' /* x */ Prepare [a] as x'
    server: Error 42P05 'prepared statement "[a]" already exists'; Ready I
    to client: Error 42P05 'prepared statement "q" already exists'; Ready I
    = releasable
    client: Query 'prepare transaction ''q'''; Query 'prepare other as q'
    to server: Query 'prepare transaction ''q'''; Query 'prepare other as q'
  )");
}

}  // namespace
}  // namespace forebay
