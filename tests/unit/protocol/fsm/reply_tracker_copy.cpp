#include <doctest/doctest.h>

#include <string>

#include "transcript.hpp"

using namespace forebay::fsm;

TEST_CASE("reply_tracker: COPY OUT") {
  play(R"(
    > Query;  < H;  < d;  < N;  < d;  < c;  < C;  < Z I Query;  = idle
    > Query;  < H;  < d;  < E;  < Z I Query;  = idle
    > Parse;  > Bind;  > Execute;  > Sync;  < 1 Parse;  < 2 Bind;  < H;  < d;  < c;  < C Execute;  < Z I Sync;  = idle
    > Execute;  > Sync;  < H;  < d;  < E Execute;  < Z I Sync;  = idle
  )");
}

TEST_CASE("reply_tracker: COPY IN in a simple query") {
  play(R"(
    > Query;  < G;  = owed 1 copy_in
    > CopyData;  < N;  > CopyData;  > CopyDone;  = owed 1 copy_in
    < C;  = owed 1
    < Z I Query;  = idle
    > Query;  > CopyData;  > CopyDone;  < G;  < C;  < Z I Query;  = idle  # all sent at once
  )");
}

TEST_CASE("reply_tracker: two COPYs and more in one simple query") {
  play(R"(
    > Query;  < G;  > CopyData;  > CopyDone;  < C;  < T;  < D;  < C;  < G;  > CopyDone;  < C;  < Z I Query;  = idle
    > Query;  > CopyData;  > CopyDone;  > CopyDone;  > Sync;  < G;  < C;  < G;  < C;  < Z I Query;  < Z I Sync;  = idle
  )");
}

TEST_CASE("reply_tracker: an error ends COPY IN; the rest of the data is ignored") {
  play(R"(
    > Query;  < G;  > CopyData;  < E;  = owed 1
    > CopyData;  < Z I Query;  > CopyData;  > CopyDone;  = idle
    > Query;  < G;  > CopyData;  > CopyFail;  < E;  < Z I Query;  = idle
    > Query;  < G;  > CopyDone;  < E;  < Z I Query;  = idle
    > CopyData;  > CopyDone;  > CopyFail;  = idle
    > Query;  < C;  < Z I Query;  = idle
  )");
}

TEST_CASE("reply_tracker: COPY IN in the extended protocol, the Sync behind the data") {
  play(R"(
    > Parse;  > Bind;  > Execute;  > Flush;  < 1 Parse;  < 2 Bind;  < G;  = owed 1 unsynced copy_in
    > CopyData;  > CopyDone;  > Sync;  = owed 2 copy_in
    < C Execute;  < Z I Sync;  = idle
  )");
}

TEST_CASE("reply_tracker: COPY IN in the extended protocol, one Sync before the data and one behind it") {
  play(R"(
    > Parse;  > Bind;  > Execute;  > Sync;  = owed 4
    < 1 Parse;  < 2 Bind;  < G;  = owed 1 unsynced copy_in
    > CopyData;  > Flush;  > CopyData;  > CopyDone;  > Sync;  < C Execute;  < Z I Sync;  = idle
    # the same with everything sent at once
    > Execute;  > Sync;  > CopyData;  > CopyDone;  > Sync;  = owed 3
    < G;  = owed 2 copy_in
    < C Execute;  < Z I Sync;  = idle
    # no second Sync: the batch is still open
    > Execute;  > Sync;  > CopyData;  > CopyDone;  < G;  < C Execute;  = unsynced
    > Sync;  < Z I Sync;  = idle
  )");
}

TEST_CASE("reply_tracker: Syncs anywhere in COPY data do not count") {
  play(R"(
    > Execute;  > Sync;  > Sync;  < G;  > Sync;  > CopyData;  > Sync;  > CopyData;  > CopyDone;  = owed 1 unsynced copy_in
    > Sync 9;  = owed 2 copy_in
    < C Execute;  < Z I Sync 9;  = idle
    > Query;  > Sync;  < G;  > Sync;  > CopyDone;  > Sync 9;  < C;  < Z I Query;  < Z I Sync 9;  = idle
  )");
}

TEST_CASE("reply_tracker: several COPYs in one pipeline") {
  play(R"(
    > Execute 1;  > CopyData;  > CopyDone;  > Execute 2;  > CopyDone;  > Sync 3;  > Query 4
    < G;  < C Execute 1;  < G;  < C Execute 2;  < Z I Sync 3;  < T;  < C;  < Z I Query 4;  = idle
    # the first turns out to be none: its data is ignored
    > Execute 1;  > CopyData;  > CopyDone;  > Execute 2;  > CopyDone;  > Sync 3
    < C Execute 1;  < G;  < C Execute 2;  < Z I Sync 3;  = idle
    # the first fails: what follows up to the Sync is skipped, data too
    > Execute 1;  > CopyData;  > CopyDone;  > Execute 2;  > CopyDone;  > Sync 3
    < G;  < E Execute 1 Execute 2;  < Z I Sync 3;  = idle
  )");
}

TEST_CASE("reply_tracker: an Execute that fails before its COPY begins leaves all its Syncs owed") {
  play(R"(
    > Bind;  > Execute;  > Sync 1;  > CopyData;  > CopyDone;  > Sync 2
    < E Bind Execute;  < Z I Sync 1;  < Z I Sync 2;  = idle
  )");
}

TEST_CASE("reply_tracker: COPY IN in the extended protocol fails, with one Sync behind the data") {
  play(R"(
    > Execute;  < G;  > CopyData;  < E Execute;  = unsynced skipping
    > CopyData;  > CopyDone;  > Sync;  < Z I Sync;  = idle
    > Execute;  < G;  > CopyData;  > CopyDone;  > Sync;  < E Execute;  < Z I Sync;  = idle
    > Execute;  < G;  > CopyFail;  > Sync;  < E Execute;  < Z I Sync;  = idle
  )");
}

// A Sync sent before the data is mostly read as part of the COPY and counts for nothing. But a COPY may fail before it
// reads anything (a BEFORE STATEMENT trigger, a view that cannot be copied into), and then the Sync counts.
TEST_CASE("reply_tracker: COPY IN fails with a Sync of uncertain fate") {
  SUBCASE("it was part of the COPY") {
    play(R"(
      > Bind;  > Execute;  > Sync;  < 2 Bind;  < G;  > CopyData;  < E Execute;  = unsynced skipping ambiguous
      > CopyDone;  > Sync 2;  < Z I Sync 2;  = ambiguous
      > Query 3;  < T;  = owed 1      # an answer to something later: no other will come
      < D;  < C;  < Z I Query 3;  = idle
    )");
  }
  SUBCASE("it was not") {
    play(R"(
      > Bind;  > Execute;  > Sync;  < 2 Bind;  < G;  < E Execute;  = unsynced skipping ambiguous
      < Z I;  = idle
      > CopyData;  > CopyDone;  > Sync 2;  < Z I Sync 2;  = idle
    )");
  }
  SUBCASE("it was not, and the next Sync was sent before that was known") {
    play(R"(
      > Execute;  > Sync;  < G;  < E Execute;  > CopyDone;  > Sync 2;  = owed 1 ambiguous
      < Z I Sync 2;  = ambiguous
      > Parse;  = owed 1 unsynced ambiguous
      < Z I;  = owed 1 unsynced
      < 1 Parse;  > Sync;  < Z I Sync;  = idle
    )");
  }
  SUBCASE("several, in the data too") {
    play(R"(
      > Execute;  > Sync;  < G;  > CopyData;  > Sync;  > CopyData;  < E Execute;  = unsynced skipping ambiguous
      > Sync 3;  < Z I Sync 3;  = ambiguous
      > Query 4;  < Z I;  = owed 1 ambiguous
      < Z I;  = owed 1
      < Z I Query 4;  = idle
    )");
  }
  SUBCASE("in a simple query") {
    play(R"(
      > Query;  > Sync;  < G;  > CopyData;  < E;  = owed 1
      < Z I Query;  = ambiguous
      > Query 2;  < E;  = owed 1
      < Z I Query 2;  = idle
    )");
  }
  SUBCASE("with an answer that is an error") {
    play("> Execute; > Sync; < G; < E Execute; > Sync; < Z I Sync; > Parse; < E Parse; > Sync; < Z I Sync; = idle");
  }
  SUBCASE("with requests behind it that were skipped or not: certain when the answer cannot be theirs") {
    play("> Execute; > Sync; > CopyDone; > Parse; > Sync; < G; < E Execute Parse; < Z I Sync; = ambiguous");
    play("> Execute; > Sync; < G; < E Execute; > Parse dropped; > Sync; < Z I Sync; = ambiguous");
  }
}

TEST_CASE("reply_tracker: a request that has no place in a COPY makes it fail") {
  // The server before 14 skips to the next Sync; newer ones end the connection.
  play("> Execute; < G; > CopyData; > Parse 1; > Sync 2; < E Execute Parse 1; < Z I Sync 2; = idle");
  play("> Execute; > Sync 1; > Bind 2; > Sync 3; < G; = owed 3 copy_in; < E Execute Bind 2; = owed 1 ambiguous");
  // In a simple query it may have been consumed, but not when something else went wrong before.
  play(
      "> Query; < G; > CopyData; > Query 1; = owed 2 copy_in; < E; = owed 2 ambiguous; < Z I Query; = owed 1 "
      "ambiguous");
  play("> Query; < G; > CopyData; > Query 1; < E data; < Z I Query; = owed 1; < C; < Z I Query 1; = idle");
  play("> Query; > CopyData; > Parse 1; < G; < E data; < Z I Query; < 1 Parse 1; > Sync; < Z I Sync; = idle");
}

TEST_CASE("reply_tracker: a simple COPY fails over its data, and a Sync among them counts or not") {
  play(R"(
    > Query;  > Sync 1;  > CopyData;  > Bind 2;  > Sync 3;  < G;  = owed 3 copy_in
    < E data;  < Z I Query;  = owed 2 ambiguous
    < 2 Bind 2;  < Z I Sync 3;  = idle
  )");
  play("> Query; > Sync 1; > Bind 2; > Sync 3; < G; < E data; < Z I Query; < Z I; < 2 Bind 2; < Z I Sync 3; = idle");
}

TEST_CASE("reply_tracker: what an answer in doubt belongs to is not asked while all is the client's") {
  const std::string doubt =
      "> Execute; > Sync 1; > CopyData; > Query 2; > Sync 3; > Close 4; > Sync 5; < G; = owed 5 copy_in;"
      "< E data Execute Query 2; = owed 3 ambiguous; < Z I Sync 3;";
  // Sync 1 was part of the COPY.
  play(doubt + "< 3 Close 4; < Z I Sync 5; = idle");
  // It was not: Query 2 is answered.
  play(doubt + "< C dropped Close 4 Sync 5; = ambiguous; < Z I; < Z I; > Query 6; < C; < Z T Query 6; = ambiguous");
  play(doubt + "< W violation");
  play(doubt + "< C dropped Close 4 Sync 5; < Z X violation");
  play(
      "> Execute; > Sync; > Query; > Sync 2; > Close swallow; < G; < E data Execute Query; < Z I Sync 2; < C "
      "violation");
}

TEST_CASE("reply_tracker: what we answer for has no place in a COPY either, but the server does not see it") {
  play(R"(
    > Execute;  > Parse 1 synthesize;  > Sync;  < G;  ~;  = owed 2 unsynced copy_in
    > Close 2 synthesize;  > Sync;  > CopyDone;  > Sync 3;  < C Execute;  ~ Parse 1;  ~ Close 2;  < Z I Sync 3;  = idle
  )");
}

TEST_CASE("reply_tracker: streaming replication is not for the tracker") {
  play("> Query; < W violation");
}
