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
TEST_CASE("reply_tracker: COPY IN fails with a Sync of uncertain fate: the server is asked") {
  const std::string failed = "> Bind; > Execute; > Sync; < 2 Bind; < G; > CopyData; < E data Execute; = doubt;";
  SUBCASE("it was part of the COPY: the server skips to the next one, which was ours") {
    play(failed +
         "> probe; = owed 3 doubt; < Z I withhold; = owed 3 doubt; < 3 swallow Close; = owed 1 skip; < Z I swallow "
         "Sync; = idle");
  }
  SUBCASE("it was not") {
    play(failed + "> probe; < Z I withhold; < Z I withhold; < 3 swallow Close; < Z I swallow Sync; = idle");
    play(failed + "< Z I; = doubt; > probe; < Z I withhold; < 3 swallow Close; < Z I swallow Sync; = idle");
  }
  SUBCASE("with another one behind it, sent before the server was asked") {
    const std::string two = failed + "> CopyDone; > Sync 2; = owed 1 doubt; > probe; < Z I withhold; < Z I withhold;";
    play(two + "< 3 swallow Close; < Z I swallow Sync; = idle");
    play(two + "< Z I withhold; < 3 swallow Close; < Z I swallow Sync; = idle");
  }
  SUBCASE("several, in the data too") {
    const std::string many =
        "> Execute; > Sync; < G; > CopyData; > Sync; > CopyData; < E data Execute; > probe; < Z I withhold;";
    play(many + "< 3 swallow Close; = owed 1 skip");
    play(many + "< Z I withhold; < 3 swallow Close; = owed 1");
    play(many + "< Z I withhold; < Z I withhold; < 3 swallow Close; = owed 1");
    play(many + "< Z I withhold; < Z I withhold; < Z I withhold; < 3 violation");
  }
  SUBCASE("in a simple query, which does not skip") {
    const std::string simple = "> Query; > Sync; < G; > CopyData; < E data; = owed 1 doubt; > probe; < Z I Query;";
    play(simple + "< Z I withhold; < 3 swallow Close; < Z I swallow Sync; = idle");
    play(simple + "< Z I withhold; < Z I withhold; < 3 swallow Close; < Z I swallow Sync; = idle");
  }
  SUBCASE("what cannot come") {
    play(failed + "< C violation");
    play(failed + "> probe; < 3 violation");
    play(failed + "> probe; < Z I withhold; < D violation");
    play(failed + "> probe; < Z X violation");
    play(failed + "> probe; < E; = owed 3 doubt");  // its last word
  }
}

TEST_CASE("reply_tracker: what must wait for a COPY") {
  using room = reply_tracker::room;
  reply_tracker t;
  const auto rooms = [&] { return std::pair(t.room_for(true), t.room_for(false)); };
  play(t, "> Execute; > Sync; < G");
  CHECK(rooms() == std::pair(room::probe, room::yes));  // a request in it ends it, or the connection
  play(t, "> CopyDone; > Sync 2");
  CHECK(rooms() == std::pair(room::later, room::yes));
  play(t, "< E data Execute");
  CHECK(rooms() == std::pair(room::probe, room::probe));
  play(t, "> probe");
  CHECK(rooms() == std::pair(room::later, room::later));
  play(t, "< Z I withhold; < Z I withhold; < 3 swallow Close");
  CHECK(rooms() == std::pair(room::yes, room::yes));
  play(t, "< Z I swallow Sync; > Execute; < G");
  CHECK(rooms() == std::pair(room::yes, room::yes));  // no Sync in it
}

TEST_CASE("reply_tracker: a request that has no place in a COPY ends the connection") {
  play("> Execute; < G; > CopyData; > Parse 1; > Sync 2; < E Execute Parse 1; < Z I violation");
  play("> Execute; < G; > CopyData; > Parse 1; > Sync 2; < E Execute Parse 1; < E");
  play("> Query; < G; > CopyData; > Query 1; = owed 2 copy_in; < E; < E");
  play("> Execute; > Sync; < G; > probe Bind; < E Execute; < E");
  // It does not when something else went wrong before.
  play("> Execute; < G; > CopyData; > Parse 1; > Sync 2; < E data Execute Parse 1; < Z I Sync 2; = idle");
  play("> Query; < G; > CopyData; > Query 1; < E data; < Z I Query; = owed 1; < C; < Z I Query 1; = idle");
  play("> Query; > CopyData; > Parse 1; < G; < E data; < Z I Query; < 1 Parse 1; > Sync; < Z I Sync; = idle");
  play(
      "> Execute; > Sync; < G; > CopyData; > probe Bind; < E data Execute; < Z I withhold; < 3 swallow Close; = owed 1 "
      "skip");
  // Of requests that did not wait it is not known.
  reply_tracker t;
  play(t, "> Execute; > Sync 1; > CopyData; > Query 2; < G");
  CHECK(t.received('E', std::string_view("C22P02\0\0", 8)) == reply_tracker::verdict::violation);
}

TEST_CASE("reply_tracker: whose request a COPY fails over") {
  const auto within = [](std::string_view transcript) {
    reply_tracker t;
    play(t, transcript);
    const auto kind = t.request_within_copy();
    return kind ? type_of(*kind) : '-';
  };
  CHECK_EQ(within("> Query; < G; > Close swallow; > Bind; < E"), 'B');
  CHECK_EQ(within("> Execute; < G; > Parse swallow; > Close swallow; > DescribeStatement; > Sync; < E Execute Parse "
                  "Close DescribeStatement"),
           'D');
  CHECK_EQ(within("> Execute; < G; > Bind; < E Execute Bind"), '-');  // its own
  CHECK_EQ(within("> Execute; > Sync; < G; > probe Parse; < E Execute"), 'P');
  CHECK_FALSE(request_of('S'));
  CHECK_EQ(request_of('F'), request::function_call);
}

TEST_CASE("reply_tracker: streaming replication is not for the tracker") {
  play("> Query; < W violation");
}
