#include <doctest/doctest.h>

#include "protocol/wire/messages.hpp"
#include "tests/unit/session/dialogue.hpp"

// Prepared statements in pipelines: what errors undo, and what waits because it depends on an earlier batch.
namespace forebay {
namespace {

using test::dialogue;
using test::play;

TEST_CASE("pipelines: room is made behind an error too") {
  dialogue d;
  d.server("server").max_prepared = 1;
  d.play(R"(
    client: Parse a 'A'; Bind a; Execute; Flush
    to server: Parse [A] 'A'; Bind [A]; Execute; Flush
    server: ParseComplete; Error 22000 'bad value'
    to client: ParseComplete; Error 22000 'bad value'
    client: Parse b 'B'; Bind b; Sync
    to server: Sync
    server: Ready I
    to client: Ready I
    = releasable, prepared 1
    client: Bind a; Sync
    to server: Bind [A]; Sync
    server: BindComplete; Ready I
    to client: BindComplete; Ready I
  )");
}

TEST_CASE("pipelines: what a failed batch was to close and prepare is as it was before") {
  dialogue d;
  d.server("server").max_prepared = 1;
  d.play(R"(
    client: Parse x 'X'; Sync
    to server: Parse [X] 'X'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    client: Parse a 'A'; Bind x; Sync
    to server: Close [X]; Parse [A] 'A'; Close [A]; Parse [X] 'X'; Bind [X]; Sync
    server: CloseComplete; Error 42601 'syntax error'; Ready I
    to client: Error 42601 'syntax error'; Ready I
    = releasable, prepared 0
    client: Bind x; Sync
    to server: Parse [X] 'X'; Bind [X]; Sync
    server: ParseComplete; BindComplete; Ready I
    to client: BindComplete; Ready I
    client: Parse a 'A'; Sync
    to server: Close [X]; Parse [A] 'A'; Sync
    server: CloseComplete; ParseComplete; Ready I
    to client: ParseComplete; Ready I
  )");
}

TEST_CASE("pipelines: a text that failed may come right in the same pipeline") {
  play(R"(
    client: Parse s 'select * from t'; Sync; Query 'create table t ()'; Parse s 'select * from t'; Sync
    to server: Parse [select * from t] 'select * from t'; Sync; Query 'create table t ()'
    server: Error 42P01 'no such table'
    to client: Error 42P01 'no such table'
    to server: Parse [select * from t] 'select * from t'; Sync
    = not releasable
    server: Ready I; Complete 'CREATE TABLE'; Ready I; ParseComplete; Ready I
    to client: Ready I; Complete 'CREATE TABLE'; Ready I; ParseComplete; Ready I
    = releasable, prepared 1
    client: Bind s; Sync
    to server: Bind [select * from t]; Sync
    server: BindComplete; Ready I
    to client: BindComplete; Ready I
  )");
}

TEST_CASE("pipelines: a name whose Parse is in flight is in use or not, as that ends") {
  play(R"(
    client: Parse s 'selec'; Sync; Parse s 'select 1'; Sync
    to server: Parse [selec] 'selec'; Sync
    server: Error 42601 'syntax error'; Ready I
    to client: Error 42601 'syntax error'; Ready I
    to server: Parse [select 1] 'select 1'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    client: Parse t 'select 2'; Sync; Parse t 'select 1'; Sync
    to server: Parse [select 2] 'select 2'; Sync
    server: ParseComplete
    to client: ParseComplete
    to server: Parse [select 2] 'select 1'; Sync
    server: Ready I; Error 42P05 'prepared statement "[select 2]" already exists'; Ready I
    to client: Ready I; Error 42P05 'prepared statement "t" already exists'; Ready I
    = releasable, prepared 2
  )");
}

TEST_CASE("pipelines: a text whose first Parse is in flight is answered for only when that has succeeded") {
  play(R"(
    client: Parse a 'select * from t'; Sync; Parse b 'select * from t'; Sync
    to server: Parse [select * from t] 'select * from t'; Sync
    server: Error 42P01 'no such table'; Ready I
    to client: Error 42P01 'no such table'; Ready I
    to server: Parse [select * from t] 'select * from t'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    = releasable, prepared 1
  )");
  play(R"(
    client: Parse a 'A'; Sync; Parse b 'A'; Parse c 'A'; Sync; Parse d 'D'; Bind d; Sync
    to server: Parse [A] 'A'; Sync
    server: ParseComplete
    to client: ParseComplete
    to server: Sync; Parse [D] 'D'; Bind [D]; Sync
    server: Ready I; Ready I; ParseComplete; BindComplete; Ready I
    to client: Ready I; ParseComplete; ParseComplete; Ready I; ParseComplete; BindComplete; Ready I
  )");
}

TEST_CASE("pipelines: Bind and Describe wait for the Parse of an earlier batch, which may have been skipped") {
  play(R"(
    == bob on one
    client: Parse b 'select 1'; Sync; Parse - 'select 2'; Sync
    to server: Parse [select 1] 'select 1'; Sync; Parse - 'select 2'; Sync
    server: ParseComplete; Ready I; ParseComplete; Ready I
    to client: ParseComplete; Ready I; ParseComplete; Ready I
    == alice on one
    client: Bind nobody; Parse a 'select 1'; Sync; Bind a; Execute; Sync; Query 'select 3'
    to server: Bind nobody; Sync
    server: Error 26000 'nobody'
    to client: Error 26000 'nobody'
    to server: Bind a; Execute; Sync; Query 'select 3'
    server: Ready I; Error 26000 'prepared statement "a" does not exist'; Ready I; Complete 'SELECT 1'; Ready I
    to client: Ready I; Error 26000 'prepared statement "a" does not exist'; Ready I; Complete 'SELECT 1'; Ready I
    client: Bind nobody; Parse - 'select 4'; Sync; Describe -; Sync
    to server: Bind nobody; Parse - 'select 4'; Sync
    server: Error 26000 'nobody'; Ready I
    to client: Error 26000 'nobody'; Ready I
    to server: Close -; Describe -; Sync
    server: CloseComplete; Error 26000 'none'; Ready I
    to client: Error 26000 'none'; Ready I
    = releasable
  )");
}

TEST_CASE("pipelines: nobody binds another's unnamed statement because something before was skipped") {
  const std::string alices = R"(
    == alice on one
    client: Parse - 'select secret'; Sync
    to server: Parse - 'select secret'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    == bob on one
  )";
  // Closing it was skipped.
  play(alices + R"(
    client: Bind nobody; Bind -; Sync; Bind -; Sync
    to server: Bind nobody; Close -; Bind -; Sync
    server: Error 26000 'nobody'; Ready I
    to client: Error 26000 'nobody'; Ready I
    to server: Close -; Bind -; Sync
  )");
  // Bob's own was not prepared again.
  play(R"(
    == bob on two
    client: Parse - 'select 1'; Sync
    to server: Parse - 'select 1'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
  )" + alices +
       R"(
    client: Bind nobody; Bind -; Sync; Bind -; Sync
    to server: Bind nobody; Parse - 'select 1'; Bind -; Sync
    server: Error 26000 'nobody'
    to client: Error 26000 'nobody'
    to server: Parse - 'select 1'; Bind -; Sync
  )");
  // A simple query that would have ended it was skipped.
  play(alices + R"(
    client: Bind nobody; Query 'select 1'; Sync; Bind -; Sync
    to server: Bind nobody; Query 'select 1'; Sync
    server: Error 26000 'nobody'; Ready I
    to client: Error 26000 'nobody'; Ready I
    to server: Close -; Bind -; Sync
  )");
}

TEST_CASE("pipelines: no waiting within a batch, for what is done, or for a Parse that is complete in its own batch") {
  play(R"(
    client: Parse - 'a'; Bind -; Sync; Parse - 'b'; Bind -; Describe -; Sync; Parse s 'c'; Bind s; Describe s; Close s; Sync; Close s; Sync
    to server: Parse - 'a'; Bind -; Sync; Parse - 'b'; Bind -; Describe -; Sync; Parse [c] 'c'; Bind [c]; Describe [c]; Close s; Sync; Close s; Sync
  )");
  dialogue session;
  session.client("client").mode = config::pool_mode::session;
  session.play(R"(
    client: Parse s 'a'; Sync; Parse s 'b'; Bind s; Sync
    to server: Parse s 'a'; Sync; Parse s 'b'; Bind s; Sync
  )");
}

TEST_CASE("pipelines: no waiting for what only looks like a name, and none in session mode") {
  const std::string pending = R"(
    client: Parse b 'B'; Sync
    to server: Parse [B] 'B'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    client: Parse a 'A'; Sync
    to server: Parse [A] 'A'; Sync
  )";
  play(pending + R"(
    client: Bind b a; DescribePortal a; ClosePortal a
    to server: Bind [B] a; DescribePortal a; ClosePortal a
  )");
  // The rest of a large Bind, which reads like the front of one.
  dialogue d;
  d.play(pending);
  std::string value(40000, 'x');
  const auto front = wire::encode(wire::bind{"", "b", {}, {value}, {}}).find("xxx");
  value.replace(20000 - front, 3, std::string("\0a\0", 3));
  const auto bind = wire::encode(wire::bind{"", "b", {}, {value}, {}});
  d.from_client(std::string_view(bind).substr(0, 20000));
  const auto sent = d.take_to_server().size();
  d.from_client(std::string_view(bind).substr(20000));
  CHECK(d.take_to_server() == bind.substr(20000));
  CHECK(sent > 20000);
  dialogue session;
  session.client("client").mode = config::pool_mode::session;
  session.play(R"(
    client: Query 'deallocate all'; Parse a 'A'; Bind a
    to server: Query 'deallocate all'; Parse a 'A'; Bind a
  )");
}

TEST_CASE("pipelines: a simple query does not end a batch, as an error drops that too") {
  play(R"(
    client: Parse a 'A'; Query 'select 1'; Bind a; Sync
    to server: Parse [A] 'A'; Query 'select 1'; Bind [A]; Sync
    server: Error 42601 'syntax error'; Ready I
    to client: Error 42601 'syntax error'; Ready I
    = releasable, prepared 0
  )");
}

TEST_CASE("pipelines: what names mean behind a DEALLOCATE ALL in the same batch is known once that is answered") {
  dialogue d;
  d.server("server").max_prepared = 1;
  d.play(R"(
    client: Parse x 'X'; Sync
    to server: Parse [X] 'X'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    client: Parse - 'deallocate all'; Bind -; Execute; Bind nobody; Parse a 'A'; Close x; Sync
    to server: Parse - 'deallocate all'; Bind -; Execute; Flush
    server: ParseComplete; BindComplete; Complete 'DEALLOCATE ALL'
    to client: ParseComplete; BindComplete; Complete 'DEALLOCATE ALL'
    to server: Bind nobody; Parse [A] 'A'; Close x; Sync
    server: Error 26000 'nobody'; Ready I
    to client: Error 26000 'nobody'; Ready I
    = releasable, prepared 0
    client: Bind x; Sync
    to server: Bind x; Sync
  )");
}

TEST_CASE("pipelines: a statement that makes room in an earlier batch is prepared again when that is done") {
  dialogue d;
  d.server("server").max_prepared = 1;
  d.play(R"(
    client: Parse x 'X'; Sync
    to server: Parse [X] 'X'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    client: Bind nobody; Parse a 'A'; Sync; Bind x; Sync
    to server: Bind nobody; Close [X]; Parse [A] 'A'; Sync
    server: Error 26000 'nobody'
    to client: Error 26000 'nobody'
    to server: Bind [X]; Sync
    server: Ready I; BindComplete; Ready I
    to client: Ready I; BindComplete; Ready I
    = releasable, prepared 1
  )");
}

TEST_CASE("pipelines: a large Parse waits for every statement of an earlier batch") {
  dialogue d;
  d.from_client(test::message("Parse a 'A'", false) + test::message("Sync", false));
  d.take_to_server();
  const auto parse = test::message("Parse b '" + std::string(40000, 'x') + "'", false);
  d.from_client(std::string_view(parse).substr(0, 20000));
  CHECK(d.client("client").collected.empty());
  d.from_server(test::message("ParseComplete", true));
  CHECK_FALSE(d.client("client").collected.empty());
  d.from_client(std::string_view(parse).substr(20000));
  CHECK(d.take_to_server().size() > 40000);
}

TEST_CASE("pipelines: closed and prepared again with another text in one pipeline") {
  play(R"(
    client: Parse s 'select 1'; Sync
    to server: Parse [select 1] 'select 1'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    client: Bind s; Close s; Parse s 'select 2'; Bind s; Sync
    to server: Bind [select 1]; Close s; Parse [select 2] 'select 2'; Bind [select 2]; Sync
    server: BindComplete; CloseComplete; ParseComplete; BindComplete; Ready I
    to client: BindComplete; CloseComplete; ParseComplete; BindComplete; Ready I
    = releasable, prepared 2
    client: Bind s; Sync
    to server: Bind [select 2]; Sync
    server: BindComplete; Ready I
    to client: BindComplete; Ready I
    client: Close s; Sync; Bind s; Sync
    to server: Close s; Sync
    server: CloseComplete; Ready I
    to client: CloseComplete; Ready I
    to server: Bind s; Sync
    server: Error 26000 's?'; Ready I
    to client: Error 26000 's?'; Ready I
  )");
}

TEST_CASE("pipelines: a Close and a new Parse behind an error did not happen") {
  play(R"(
    client: Parse s 'select 1'; Sync
    to server: Parse [select 1] 'select 1'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    client: Parse - 'nonsense'; Close s; Parse s 'select 2'; Close s; Parse s 'select 3'; Sync
    to server: Parse - 'nonsense'; Close s; Parse [select 2] 'select 2'; Close s; Parse [select 3] 'select 3'; Sync
    server: Error 42601 'syntax error'; Ready I
    to client: Error 42601 'syntax error'; Ready I
    = releasable, prepared 1
    client: Bind s; Sync
    to server: Bind [select 1]; Sync
    server: BindComplete; Ready I
    to client: BindComplete; Ready I
  )");
}

TEST_CASE("pipelines: a Close behind an error, and another batch that needs to know") {
  play(R"(
    client: Parse s 'select 1'; Sync
    to server: Parse [select 1] 'select 1'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    client: Parse - 'nonsense'; Close s; Sync; Parse s 'select 2'; Sync
    to server: Parse - 'nonsense'; Close s; Sync
    server: Error 42601 'syntax error'; Ready I
    to client: Error 42601 'syntax error'; Ready I
    to server: Parse [select 1] 'select 2'; Sync
    server: Error 42P05 'prepared statement "[select 1]" already exists'; Ready I
    to client: Error 42P05 'prepared statement "s" already exists'; Ready I
    client: Parse - 'nonsense'; Close s; Sync; Close s; Sync
    to server: Parse - 'nonsense'; Close s; Sync; Close s; Sync
    server: Error 42601 'syntax error'; Ready I; CloseComplete; Ready I
    to client: Error 42601 'syntax error'; Ready I; CloseComplete; Ready I
    client: Bind s; Sync
    to server: Bind s; Sync
  )");
}

TEST_CASE("pipelines: what is prepared behind a DEALLOCATE ALL or DISCARD ALL in one pipeline stays") {
  for (const std::string what : {"DEALLOCATE ALL", "DISCARD ALL"}) {
    CAPTURE(what);
    std::string script = R"(
      == bob on one
      client: Parse b 'select 1'; Sync
      to server: Parse [select 1] 'select 1'; Sync
      server: ParseComplete; Ready I
      to client: ParseComplete; Ready I
      == alice on one
      client: Query 'WHAT'; Parse a 'select 1'; Bind a; Parse c 'select 2'; Bind c; Sync
      to server: Query 'WHAT'
      server: Complete 'WHAT'
      to client: Complete 'WHAT'
      server: Ready I
      to client: Ready I
      to server: Parse [select 1] 'select 1'; Bind [select 1]; Parse [select 2] 'select 2'; Bind [select 2]; Sync
      server: ParseComplete; BindComplete; ParseComplete; BindComplete; Ready I
      to client: ParseComplete; BindComplete; ParseComplete; BindComplete; Ready I
      = releasable, prepared 2
      client: Bind a; Bind c; Sync
      to server: Bind [select 1]; Bind [select 2]; Sync
      server: BindComplete; BindComplete; Ready I
      to client: BindComplete; BindComplete; Ready I
      == bob on one
      client: Bind b; Parse b2 'select 2'; Sync
      to server: Bind [select 1]; Sync
      server: BindComplete; Ready I
      to client: BindComplete; ParseComplete; Ready I
    )";
    for (auto at = script.find("WHAT"); at != std::string::npos; at = script.find("WHAT"))
      script.replace(at, 4, what);
    play(script);
  }
}

TEST_CASE("pipelines: behind a DEALLOCATE ALL or DISCARD ALL in the same batch names are new") {
  for (const std::string what : {"DEALLOCATE ALL", "DISCARD ALL"}) {
    CAPTURE(what);
    dialogue d;
    std::string script = R"(
    client: Parse a 'A'; Parse b 'B'; Sync
    to server: Parse [A] 'A'; Parse [B] 'B'; Sync
    server: ParseComplete; ParseComplete; Ready I
    to client: ParseComplete; ParseComplete; Ready I
    client: Parse - 'WHAT'; Bind -; Execute; Close b; Parse b 'C'; Parse a 'D'; Sync
    to server: Parse - 'WHAT'; Bind -; Execute; Close b; Flush
    server: ParseComplete; BindComplete; Complete 'WHAT'
    to client: ParseComplete; BindComplete; Complete 'WHAT'
    to server: Parse [C] 'C'; Parse [D] 'D'; Sync
    server: CloseComplete; ParseComplete; ParseComplete; Ready I
    to client: CloseComplete; ParseComplete; ParseComplete; Ready I
    = prepared 2
    client: Bind a; Bind b; Sync
    to server: Bind [D]; Bind [C]; Sync
  )";
    for (auto at = script.find("WHAT"); at != std::string::npos; at = script.find("WHAT"))
      script.replace(at, 4, what);
    d.play(script);
  }
}

}  // namespace
}  // namespace forebay
