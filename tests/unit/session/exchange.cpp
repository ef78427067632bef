#include <doctest/doctest.h>

#include "tests/unit/session/dialogue.hpp"

// The plain course of things: simple queries, batches, settings, what is no protocol, and the ways it ends.
namespace forebay {
namespace {

using test::dialogue;
using test::play;

TEST_CASE("exchange: a simple query") {
  play(R"(
    client: Query 'select 1'
    to server: Query 'select 1'
    = not releasable
    server: Columns; Row '1'
    to client: Columns; Row '1'
    = not releasable
    server: Complete 'SELECT 1'; Ready I
    to client: Complete 'SELECT 1'; Ready I
    = releasable, transactions 1, queries 1
  )");
}

TEST_CASE("exchange: a transaction keeps the server until it ends") {
  play(R"(
    client: Query 'begin'
    to server: Query 'begin'
    server: Complete 'BEGIN'; Ready T
    to client: Complete 'BEGIN'; Ready T
    = not releasable, transactions 0
    client: Query 'nonsense'
    to server: Query 'nonsense'
    server: Error 42601 'syntax error'; Ready E
    to client: Error 42601 'syntax error'; Ready E
    = not releasable
    client: Query 'rollback'
    to server: Query 'rollback'
    server: Complete 'ROLLBACK'; Ready I
    to client: Complete 'ROLLBACK'; Ready I
    = releasable, transactions 1, queries 3
  )");
}

TEST_CASE("exchange: queries in a pipeline") {
  play(R"(
    client: Query 'select 1'; Query 'select 2'
    to server: Query 'select 1'; Query 'select 2'
    server: Complete 'SELECT 1'; Ready I
    to client: Complete 'SELECT 1'; Ready I
    = not releasable
    server: Complete 'SELECT 1'; Ready I
    to client: Complete 'SELECT 1'; Ready I
    = releasable
  )");
}

TEST_CASE("exchange: Flush, and a batch that is not synced keeps the server") {
  play(R"(
    client: Parse - 'select 1'; Flush
    to server: Parse - 'select 1'; Flush
    server: ParseComplete
    to client: ParseComplete
    = not releasable
    client: Bind -; DescribePortal; Execute; Flush
    to server: Bind -; DescribePortal; Execute; Flush
    server: BindComplete; Columns; Row '1'; Complete 'SELECT 1'
    to client: BindComplete; Columns; Row '1'; Complete 'SELECT 1'
    = not releasable, queries 1
    client: Sync
    to server: Sync
    server: Ready I
    to client: Ready I
    = releasable
  )");
}

TEST_CASE("exchange: an error drops the rest of its batch, and the server is not bothered with it until Sync") {
  play(R"(
    client: Parse - 'select 1/0'; Bind -; Execute
    to server: Parse - 'select 1/0'; Bind -; Execute
    server: ParseComplete; BindComplete; Error 22012 'division by zero'
    to client: ParseComplete; BindComplete; Error 22012 'division by zero'
    = not releasable
    client: Parse s 'select 2'; Describe s; Query 'select 3'; Flush; FunctionCall; Close s; CopyData 'x'
    client: Sync; Parse s 'select 4'; Sync
    to server: Sync; Parse [select 4] 'select 4'; Sync
    server: Ready I; ParseComplete; Ready I
    to client: Ready I; ParseComplete; Ready I
    = releasable, prepared 1
  )");
}

TEST_CASE("exchange: function calls") {
  play(R"(
    client: FunctionCall
    to server: FunctionCall
    server: Result '1'; Ready I
    to client: Result '1'; Ready I
    = releasable, queries 1
  )");
}

// Settings.

parameters settings(std::vector<std::pair<std::string, std::string>> list) {
  std::vector<parameter_set::entry> entries;
  for (auto& [name, value] : list)
    entries.push_back({name, value, name != "search_path"});
  return parameter_set::intern(std::move(entries));
}

TEST_CASE("exchange: settings go ahead of the first request in the same event, and nobody sees their replies") {
  dialogue d;
  d.client("alice").settings.wanted = settings({{"TimeZone", "UTC"}, {"search_path", "app"}});
  d.server("one").current = d.server("one").initial = settings({{"TimeZone", "GMT"}});
  d.play(R"(
    == alice on one
    client: Query 'select 1'
    to server: Query 'BEGIN;SELECT pg_catalog.set_config(''search_path'',''app'',false),pg_catalog.set_config(''TimeZone'',''UTC'',false);COMMIT'
    to server: Query 'select 1'
    server: Columns; Row 'app'; Notice 'about ours'; Complete 'SELECT 1'; Setting TimeZone 'UTC'; Ready I
    = not releasable
    server: Columns; Row '1'; Complete 'SELECT 1'; Ready I
    to client: Columns; Row '1'; Complete 'SELECT 1'; Ready I
    = releasable, transactions 1
    client: Query 'select 2'
    to server: Query 'select 2'
    server: Complete 'SELECT 1'; Ready I
    to client: Complete 'SELECT 1'; Ready I
    == bob on one
    client: Sync
    to server: Query 'BEGIN;RESET "search_path";RESET "TimeZone";COMMIT'; Sync
    server: Complete 'RESET'; Complete 'RESET'; Ready I; Ready I
    to client: Ready I
    = releasable
    client: Sync
    to server: Sync
    server: Ready I
    to client: Ready I
  )");
}

TEST_CASE("exchange: the session wants its settings in the server's spelling from then on") {
  dialogue d;
  d.client("alice").settings.wanted = settings({{"TimeZone", "utc"}});
  d.server("one").current = settings({{"TimeZone", "GMT"}});
  d.play(R"(
    == alice on one
    client: Sync
    to server: Query 'BEGIN;SELECT pg_catalog.set_config(''TimeZone'',''utc'',false);COMMIT'; Sync
    server: Complete 'SELECT 1'; Setting TimeZone 'UTC'; Ready I; Ready I
    to client: Ready I
  )");
  CHECK(d.client("alice").settings.wanted == settings({{"TimeZone", "UTC"}}));
  CHECK(d.server("one").current == settings({{"TimeZone", "UTC"}}));
}

TEST_CASE("exchange: settings that the server refuses are the end") {
  dialogue d;
  d.client("client").settings.wanted = settings({{"search_path", "app"}});
  d.play(R"(
    client: Query 'select 1'
    to server: Query 'BEGIN;SELECT pg_catalog.set_config(''search_path'',''app'',false);COMMIT'; Query 'select 1'
  )");
  SUBCASE("of the session") {
    d.play(R"(
      server: Error 22023 'no such schema'
      = forbidden 22023 'no such schema', not releasable
    )");
  }
  SUBCASE("of the server connection only, when it was a cancel") {
    d.play(R"(
      server: Error 57014 'cancelled'
      = farewell 57014 'cancelled', not releasable
    )");
  }
  CHECK(d.server("server").broken);
}

TEST_CASE("exchange: settings wait for the end of a transaction") {
  dialogue d;
  d.play(R"(
    client: Query 'begin'
    to server: Query 'begin'
    server: Complete 'BEGIN'; Ready T
    to client: Complete 'BEGIN'; Ready T
  )");
  d.client("client").settings.wanted = settings({{"TimeZone", "UTC"}});
  d.play(R"(
    client: Query 'commit'; Query 'select 1'
    to server: Query 'commit'; Query 'select 1'
    server: Complete 'COMMIT'; Ready I; Complete 'SELECT 1'; Ready I
    to client: Complete 'COMMIT'; Ready I; Complete 'SELECT 1'; Ready I
    client: Sync
    to server: Query 'BEGIN;SELECT pg_catalog.set_config(''TimeZone'',''UTC'',false);COMMIT'; Sync
    server: Complete 'SELECT 1'; Ready I; Ready I
    to client: Ready I
  )");
}

TEST_CASE("exchange: ParameterStatus tells what client and server have from now on") {
  dialogue d;
  d.play(R"(
    client: Query 'set timezone = utc'
    to server: Query 'set timezone = utc'
    server: Complete 'SET'; Setting TimeZone 'UTC'; Ready I
    to client: Complete 'SET'; Setting TimeZone 'UTC'; Ready I
    = releasable, unpinned, clean
    server: Setting TimeZone 'GMT'
    to client: Setting TimeZone 'GMT'
    = releasable
    client: Query 'select 1'
    to server: Query 'select 1'
    server: Complete 'SELECT 1'; Ready I
    to client: Complete 'SELECT 1'; Ready I
  )");
  CHECK(d.client("client").settings.wanted == settings({{"TimeZone", "GMT"}}));
  CHECK(d.server("server").current == settings({{"TimeZone", "GMT"}}));
}

TEST_CASE("exchange: statement mode forbids transactions") {
  dialogue d;
  d.client("client").mode = config::pool_mode::statement;
  d.play(R"(
    client: Query 'select 1'
    to server: Query 'select 1'
    server: Complete 'SELECT 1'; Ready I
    to client: Complete 'SELECT 1'; Ready I
    client: Query 'begin'
    to server: Query 'begin'
    server: Complete 'BEGIN'
    to client: Complete 'BEGIN'
  )");
  d.from_server(test::message("Ready T", true));
  CHECK(d.progress == exchange::progress::forbidden);
  CHECK(d.farewell.sqlstate == "0A000");
  CHECK(d.take_to_client().empty());
  dialogue gone;
  gone.client("client").mode = config::pool_mode::statement;
  gone.play("client: Query 'begin'\n to server: Query 'begin'");
  gone.client("client").gone = true;
  gone.from_server(test::message("Complete 'BEGIN'", true) + test::message("Ready T", true));
  CHECK(gone.progress == exchange::progress::more);
}

// Ends.

TEST_CASE("exchange: the server's last word") {
  play(R"(
    client: Query 'select 1'
    to server: Query 'select 1'
    server: Columns; Row '1'; Fatal 57P01 'terminating connection'
    to client: Columns; Row '1'
    = farewell 57P01 'terminating connection', not releasable
  )");
  play(R"(
    server: Fatal 57P05 'idle too long'
    = farewell 57P05 'idle too long', not releasable
  )");
}

TEST_CASE("exchange: a server that breaks the protocol") {
  play("server: Row 'whose is it?'\n = violation, not releasable");
  play("server: Ready I\n = violation, not releasable");
  play("client: Query 'select 1'\n to server: Query 'select 1'\n server: ParseComplete\n = violation, not releasable");
  play("client: Sync\n to server: Sync\n server: Ready X\n = violation, not releasable");
}

TEST_CASE("exchange: a client that breaks the protocol") {
  const auto cut_short = [](std::string bytes) {
    bytes.pop_back();
    bytes[4] = static_cast<char>(bytes[4] - 1);
    return bytes;
  };
  for (const auto* text : {"Parse s 'select 1'", "Describe s", "Close s"}) {
    CAPTURE(text);
    dialogue d;
    d.from_client(cut_short(test::message(text, false)));
    REQUIRE(d.client_error);
    CHECK(d.client_error->sqlstate == "08P01");
    CHECK(d.client_error->level == wire::severity::fatal);
    CHECK(d.take_to_server().empty());
  }
  for (const auto& bytes : {std::string("B\0\0\0\5s", 6), std::string("p\0\0\0\4", 5), std::string("\0\0\0\0\4", 5),
                            std::string("D\0\0\0\6X\0", 7)}) {
    dialogue d;
    d.from_client(bytes);
    REQUIRE(d.client_error);
    CHECK(d.client_error->sqlstate == "08P01");
  }
}

TEST_CASE("exchange: the client is gone while replies are outstanding") {
  dialogue d;
  d.play(R"(
    client: Parse s 'select 1'; Bind s; Execute; Close s; Sync; Query 'load x'
    to server: Parse [select 1] 'select 1'; Bind [select 1]; Execute; Close s; Sync; Query 'load x'
    server: ParseComplete
    to client: ParseComplete
  )");
  d.client("client").gone = true;
  d.play(R"(
    server: BindComplete; Row 'x'; Complete 'SELECT 1'; CloseComplete; Ready I; Setting application_name 'x'; Notice 'x'; Complete 'LOAD'; Ready I
    = pinned load, reset, not releasable
  )");
  CHECK(d.server("server").current->find("application_name"));
}

TEST_CASE("exchange: errors go on with all their fields") {
  dialogue d;
  d.play(R"(
    client: Parse forebay_a 'select forebay_x'; Sync
    to server: Parse [select forebay_x] 'select forebay_x'; Sync
    server: Error 42703 'column "forebay_x" does not exist'; Ready I
    to client: Error 42703 'column "forebay_x" does not exist'; Ready I
  )");
}

}  // namespace
}  // namespace forebay
