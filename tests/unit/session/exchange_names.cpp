#include <doctest/doctest.h>

#include "tests/unit/session/dialogue.hpp"

// SQL about prepared statements that is itself parsed: the server gets its own names when it is bound.
namespace forebay {
namespace {

using test::dialogue;
using test::play;

constexpr const char* prepared = R"(
    client: Parse q 'select 1'; Sync
    to server: Parse [select 1] 'select 1'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
)";

TEST_CASE("names: EXECUTE is parsed as it came, and anew for what is bound and described") {
  dialogue d;
  d.play(prepared);
  d.play(R"(
    client: Parse - 'execute "q" (1)'; Describe -; Bind -; Execute; Bind -; Sync
    to server: Parse - 'execute "q" (1)'; Parse - 'execute [select 1] (1)'; Describe -; Bind -; Execute; Bind -; Sync
    server: ParseComplete; ParseComplete; Parameters; Columns; BindComplete; Error 42601 'wrong number for "[select 1]"'; Ready I
    to client: ParseComplete; Parameters; Columns; BindComplete; Error 42601 'wrong number for "q"'; Ready I
    = releasable
  )");
}

TEST_CASE("names: one that is named itself has a statement of its own for each that it means") {
  dialogue d;
  d.play(prepared);
  d.play(R"(
    client: Parse e 'execute q'; Bind e; Describe e; Sync
    to server: Parse [execute q] 'execute q'; Parse [execute [select 1]] 'execute [select 1]'; Bind [execute [select 1]]; Describe [execute [select 1]]; Sync
    server: ParseComplete; ParseComplete; BindComplete; Parameters; Columns; Ready I
    to client: ParseComplete; BindComplete; Parameters; Columns; Ready I
    = prepared 3
    == client on other
    client: Bind e; Sync
    to server: Parse [select 1] 'select 1'; Parse [execute [select 1]] 'execute [select 1]'; Bind [execute [select 1]]; Sync
    server: ParseComplete; ParseComplete; Error 08P01 'of "[execute [select 1]]"'; Ready I
    to client: Error 08P01 'of "e"'; Ready I
    = prepared 2
  )");
}

TEST_CASE("names: EXECUTE and what it executes are both on a server that may have but one") {
  dialogue d;
  d.server("server").max_prepared = 1;
  d.play(prepared);
  d.play(R"(
    client: Parse e 'execute q'; Bind e; Sync
    to server: Parse [execute q] 'execute q'; Close [execute q]; Parse [execute [select 1]] 'execute [select 1]'; Bind [execute [select 1]]; Sync
    server: ParseComplete; CloseComplete; ParseComplete; BindComplete; Ready I
    to client: ParseComplete; BindComplete; Ready I
  )");
}

TEST_CASE("names: a DEALLOCATE that is done is not undone by an error behind it") {
  dialogue d;
  d.play(prepared);
  d.play(R"(
    client: Parse - 'deallocate q'; Bind -; Execute; Bind nobody; Sync
    to server: Parse - 'deallocate q'; Parse - 'deallocate [select 1]'; Bind -; Execute; Bind nobody; Sync
    server: ParseComplete; ParseComplete; BindComplete; Complete DEALLOCATE; Error 26000 nobody; Ready I
    to client: ParseComplete; BindComplete; Complete DEALLOCATE; Error 26000 nobody; Ready I
    = prepared 0
    client: Bind q; Sync
    to server: Bind q; Sync
    server: Error 26000 q; Ready I
    to client: Error 26000 q; Ready I
  )");
}

TEST_CASE("names: a DEALLOCATE that fails, or is skipped, changes nothing") {
  for (const std::string failing : {"Error 57014 x; Ready I", "BindComplete; Error 57014 x; Ready I"}) {
    dialogue d;
    d.play(prepared);
    d.play(R"(
    client: Parse - 'deallocate q'; Bind -; Sync; Bind -; Execute; Sync
    to server: Parse - 'deallocate q'; Parse - 'deallocate [select 1]'; Bind -; Sync
    server: ParseComplete; ParseComplete; BindComplete; Ready I
    to client: ParseComplete; BindComplete; Ready I
    to server: Bind -; Execute; Sync
    server: )" +
           failing + R"(
    to client: )" +
           failing + R"(
    = releasable, prepared 1
    client: Bind q; Sync
    to server: Bind [select 1]; Sync
    server: BindComplete; Ready I
    to client: BindComplete; Ready I
    )");
  }
}

TEST_CASE("names: an error of another Query is not taken for the DEALLOCATE's behind it") {
  dialogue d;
  d.play(prepared);
  d.play(R"(
    client: Query 'selec'; Parse - 'deallocate q'; Bind -; Execute; Sync
    to server: Query 'selec'; Parse - 'deallocate q'; Parse - 'deallocate [select 1]'; Bind -; Execute; Sync
    server: Error 42601 x; Ready I; ParseComplete; ParseComplete; BindComplete; Complete DEALLOCATE; Ready I
    to client: Error 42601 x; Ready I; ParseComplete; BindComplete; Complete DEALLOCATE; Ready I
    = releasable, prepared 0
  )");
}

TEST_CASE("names: what they mean to a Bind or an Execute waits for batches before") {
  dialogue d;
  d.play(R"(
    client: Parse q 'select 1'; Sync; Parse - 'execute q'; Bind -; Execute; Sync
    to server: Parse [select 1] 'select 1'; Sync; Parse - 'execute q'
    server: Error 42601 x; Ready I
    to client: Error 42601 x; Ready I
    to server: Bind -; Execute; Sync
    server: ParseComplete; BindComplete; Error 26000 '"q"'; Ready I
    to client: ParseComplete; BindComplete; Error 26000 '"q"'; Ready I
  )");
  d.play(prepared);
  d.play(R"(
    client: Query 'begin'; Parse - 'execute q'; Bind - p; Sync
    to server: Query 'begin'; Parse - 'execute q'; Parse - 'execute [select 1]'; Bind - p; Sync
    server: Complete BEGIN; Ready T; ParseComplete; ParseComplete; BindComplete; Ready T
    to client: Complete BEGIN; Ready T; ParseComplete; BindComplete; Ready T
    client: Bind nobody; Close q; Sync; Execute p; Sync
    to server: Bind nobody; Close q; Sync
    server: Error 26000 x; Ready E
    to client: Error 26000 x; Ready E
    to server: Execute p; Sync
    server: Error 25P02 x; Ready E
    to client: Error 25P02 x; Ready E
  )");
}

TEST_CASE("names: one that has ended since the Bind is unknown to the server, too") {
  dialogue d;
  d.play(prepared);
  d.play(R"(
    client: Parse - 'execute q'; Bind -; Close q; Execute; Sync
    to server: Parse - 'execute q'; Parse - 'execute [select 1]'; Bind -; Close q; Close [select 1]; Execute; Sync
    server: ParseComplete; ParseComplete; BindComplete; CloseComplete; CloseComplete; Error 26000 '"[select 1]"'; Ready I
    to client: ParseComplete; BindComplete; CloseComplete; Error 26000 '"q"'; Ready I
    = releasable, prepared 0
  )");
}

TEST_CASE("names: PREPARE finds a name in use, even if it has ended since the Bind") {
  dialogue d;
  d.play(prepared);
  d.play(R"(
    client: Parse - 'prepare q as select 2'; Bind -; Parse - 'deallocate q'; Bind - d; Execute d; Execute; Sync
    to server: Parse - 'prepare q as select 2'; Parse - 'prepare [select 1] as select 2'; Bind -; Parse - 'deallocate q'; Parse - 'deallocate [select 1]'; Bind - d; Execute d; Parse [select 1] 'select 1'; Execute; Sync
    server: ParseComplete; ParseComplete; BindComplete; ParseComplete; ParseComplete; BindComplete; Complete DEALLOCATE; ParseComplete; Error 42P05 '"[select 1]"'; Ready I
    to client: ParseComplete; BindComplete; ParseComplete; BindComplete; Complete DEALLOCATE; Error 42P05 '"q"'; Ready I
    = releasable, unpinned, prepared 1
  )");
}

TEST_CASE("names: settings that EXECUTE changes follow the client") {
  play(R"(
    client: Parse s 'set work_mem = 5'; Parse - 'execute s'; Bind -; Execute; Sync
    to server: Parse [set work_mem = 5] 'set work_mem = 5'; Parse - 'execute s'; Parse - 'execute [set work_mem = 5]'; Bind -; Execute; Sync
    server: ParseComplete; ParseComplete; ParseComplete; BindComplete; Complete SET; Ready I
    to client: ParseComplete; ParseComplete; BindComplete; Complete SET; Ready I
    = releasable
    == client on other
    client: Query 'show work_mem'
    to server: Query 'BEGIN;SELECT pg_catalog.set_config(''work_mem'',''5'',false);COMMIT'; Query 'show work_mem'
  )");
}

}  // namespace
}  // namespace forebay
