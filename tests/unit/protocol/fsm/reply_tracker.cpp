#include "protocol/fsm/reply_tracker.hpp"

#include <doctest/doctest.h>

#include <string>

#include "transcript.hpp"

using namespace forebay::fsm;

TEST_CASE("reply_tracker: a simple query") {
  play(R"(
    = idle
    > Query 1;  = owed 1
    < T;  < D;  < D;  < C;  = owed 1
    < Z I Query 1;  = idle
    > Query 2   # several statements, one of them empty, one of them wrong
    < C;  < T;  < D;  < C;  < I;  < E;  = owed 1
    < Z T Query 2;  = settled
    > Query 3;  < C;  < Z I Query 3;  = idle
  )");
}

TEST_CASE("reply_tracker: the transaction status") {
  reply_tracker tracker;
  CHECK_EQ(tracker.status(), 'I');
  play(tracker, "> Query; < C; < Z T Query; = settled");
  CHECK_EQ(tracker.status(), 'T');
  play(tracker, "> Query; < E; < Z E Query; = settled");
  CHECK_EQ(tracker.status(), 'E');
  play(tracker, "> Query; < C; < Z I Query; = idle");
  CHECK_EQ(tracker.status(), 'I');
}

TEST_CASE("reply_tracker: a batch of the extended protocol") {
  play(R"(
    > Parse 1;  = owed 1 unsynced
    > Bind 2;  > DescribePortal 3;  > Execute 4;  > Sync 5;  = owed 5
    < 1 Parse 1;  < 2 Bind 2;  < T DescribePortal 3;  < D;  < D;  < C Execute 4;  = owed 1
    < Z I Sync 5;  = idle
  )");
}

TEST_CASE("reply_tracker: what completes a Describe, an Execute and a Close") {
  play(R"(
    > Parse;  > DescribeStatement 1;  > DescribeStatement 2;  > Close 3;  > Sync
    < 1 Parse;  < t;  < T DescribeStatement 1;  < t;  < n DescribeStatement 2;  < 3 Close 3;  < Z I Sync;  = idle
    > Bind;  > DescribePortal 1;  > Execute 2;  > Execute 3;  > Execute 4;  > DescribePortal 5;  > Sync
    < 2 Bind;  < n DescribePortal 1
    < D;  < s Execute 2  # the row limit was reached
    < I Execute 3        # an empty query
    < C Execute 4;  < T DescribePortal 5
    < Z T Sync;  = settled
  )");
}

TEST_CASE("reply_tracker: several Syncs in one pipeline") {
  play(R"(
    > Parse;  > Bind;  > Execute;  > Sync 1;  > Bind;  > Execute;  > Sync 2;  > Query 3;  > Sync 4;  = owed 9
    < 1 Parse;  < 2 Bind;  < C Execute;  < Z I Sync 1;  = owed 5
    < 2 Bind;  < C Execute;  < Z I Sync 2;  < C;  < Z I Query 3;  < Z I Sync 4;  = idle
  )");
}

TEST_CASE("reply_tracker: an error drops the rest of its batch, whatever it is, and no more") {
  play(R"(
    > Parse 1;  > Bind 2;  > Execute 3;  > Query 4;  > FunctionCall 5;  > Close 6;  > Sync 7
    > Parse 8;  > Sync 9
    < 1 Parse 1
    < E Bind 2 Execute 3 Query 4 FunctionCall 5 Close 6;  = owed 3
    < Z I Sync 7;  < 1 Parse 8;  < Z I Sync 9;  = idle
  )");
}

TEST_CASE("reply_tracker: behind an error and before a Sync nothing is owed") {
  play(R"(
    > Parse 1;  < E Parse 1;  = unsynced skipping
    > Bind 2 dropped;  > Query 3 dropped;  > FunctionCall 4 dropped;  > Flush;  > CopyDone;  = unsynced skipping
    > Sync 5;  = owed 1
    > Query 6;  < Z I Sync 5;  < C;  < Z I Query 6;  = idle
  )");
}

TEST_CASE("reply_tracker: an error with a Query behind it in the same batch waits for the Sync all the same") {
  play(R"(
    > Parse;  > Query;  = owed 2
    < E Parse Query;  = skipping
    > Sync;  < Z I Sync;  = idle
  )");
}

TEST_CASE("reply_tracker: a Query ends a batch without Sync") {
  play(R"(
    > Parse;  > Bind;  < 1 Parse;  < 2 Bind;  = unsynced
    > Query;  < C;  < Z I Query;  = idle
    > Parse;  > FunctionCall;  < 1 Parse;  < V;  < Z I FunctionCall;  = idle
  )");
}

TEST_CASE("reply_tracker: Flush owes nothing but leaves the batch open") {
  play(R"(
    > Parse;  > Flush;  = owed 1 unsynced
    < 1 Parse;  = unsynced
    > Bind;  > Execute;  > Flush;  < 2 Bind;  < D;  < s Execute;  = unsynced
    > Sync;  < Z I Sync;  = idle
    > Flush;  = unsynced
    < E;  = unsynced skipping   # a malformed one
    > Sync;  < Z I Sync;  = idle
  )");
}

TEST_CASE("reply_tracker: errors of Sync, Query and FunctionCall") {
  play(R"(
    > Parse;  > Sync;  < 1 Parse
    < E;  < Z I Sync;  = idle        # the commit failed, say by a deferred constraint
    > FunctionCall;  < E;  < Z I FunctionCall;  = idle
    < E;  = idle                     # nobody asked: the server's last word
  )");
}

TEST_CASE("reply_tracker: asynchronous messages belong to the request being answered") {
  play(R"(
    < N;  < S;  < A
    > Query swallow;  > Query
    < N swallow;  < S swallow;  < A;  < C swallow;  < Z I swallow Query
    < N;  < S;  < A;  < C;  < N;  < Z I Query;  = idle
  )");
}

TEST_CASE("reply_tracker: our own requests are swallowed") {
  play(R"(
    > Query 1 swallow;  > Parse 2 swallow;  > Bind 3;  > Execute 4;  > Close 5 swallow;  > Sync 6
    < C swallow;  < Z I swallow Query 1
    < 1 swallow Parse 2;  < 2 Bind 3;  < D;  < C Execute 4;  < 3 swallow Close 5;  < Z I Sync 6;  = idle
    > Parse 1 swallow;  > Bind 2;  > Sync 3
    < E swallow Parse 1 Bind 2;  < Z I Sync 3;  = idle
    > Sync swallow;  < E swallow;  < Z I swallow Sync;  = idle
  )");
}

TEST_CASE("reply_tracker: synthesized replies come in their turn") {
  play(R"(
    > Parse 1 synthesize;  = owed 1 unsynced
    ~ Parse 1;  ~;  = unsynced
    > Bind 2;  > Parse 3 synthesize;  > Close 4 synthesize;  > Execute 5;  > Close 6 synthesize;  > Sync
    ~;  < 2 Bind 2
    ~ Parse 3;  ~ Close 4;  ~
    < C Execute 5
    ~ Close 6;  ~;  < Z I Sync;  = idle
  )");
}

TEST_CASE("reply_tracker: an error drops synthesized replies behind it, not those before it") {
  play(R"(
    > Parse 1 synthesize;  > Bind 2;  > Parse 3 synthesize;  > Sync
    ~ Parse 1
    < E Bind 2 Parse 3;  ~;  < Z I Sync;  = idle
    > Bind 1;  < E Bind 1;  > Parse 2 synthesize dropped;  ~;  > Sync;  < Z I Sync;  = idle
    > Parse 1 synthesize;  > Bind 2;  > Sync
    < E Bind 2;  = owed 1            # the caller had forgotten Parse 1
    < Z I Sync;  = idle
  )");
}

TEST_CASE("reply_tracker: messages that belong to nothing are violations") {
  for (const std::string type : {"1", "2", "3", "C", "D", "G", "H", "I", "T", "V", "c", "d", "n", "s", "t", "Z I"}) {
    play("< " + type + " violation");
  }
  for (const std::string type : {"K", "R", "W", "v", "Q", "x", "?"}) {
    play("< " + type + " violation");
    for (const std::string kind : {"Query", "Parse", "Execute", "Sync"})
      play("> " + kind + "; < " + type + " violation");
  }
  const auto violations = [](const std::string& asked, std::initializer_list<std::string> types) {
    for (const auto& type : types)
      play("> " + asked + "; < " + type + " violation");
  };
  violations("Parse", {"2", "3", "C", "D", "G", "H", "I", "T", "V", "c", "d", "n", "s", "t", "Z I"});
  violations("Bind", {"1", "3", "C", "D", "G", "H", "I", "T", "V", "c", "d", "n", "s", "t", "Z I"});
  violations("Close", {"1", "2", "C", "D", "G", "H", "I", "T", "V", "c", "d", "n", "s", "t", "Z I"});
  violations("DescribeStatement", {"1", "2", "3", "C", "D", "G", "H", "I", "T", "V", "c", "d", "n", "s", "Z I"});
  violations("DescribeStatement; < t", {"t", "1", "C", "Z I"});
  violations("DescribePortal", {"1", "2", "3", "C", "D", "G", "H", "I", "V", "c", "d", "s", "t", "Z I"});
  violations("Execute", {"1", "2", "3", "T", "V", "c", "d", "n", "t", "Z I"});
  violations("Query", {"1", "2", "3", "V", "c", "d", "n", "s", "t"});
  violations("FunctionCall", {"1", "2", "3", "C", "D", "G", "H", "I", "T", "c", "d", "n", "s", "t"});
  violations("Sync", {"1", "2", "3", "C", "D", "G", "H", "I", "T", "V", "c", "d", "n", "s", "t"});
  violations("Query; < G", {"D", "T", "I", "G", "H", "d", "c", "C", "Z I"});
  violations("Query; < H", {"D", "T", "I", "G", "H", "C", "Z I"});
}

TEST_CASE("reply_tracker: the body of ReadyForQuery is one of three bytes") {
  for (const std::string_view body : {"", "X", "i", "II", "I\n"}) {
    reply_tracker tracker;
    tracker.sent(request::sync);
    CHECK(tracker.received('Z', body) == reply_tracker::verdict::violation);
  }
}

TEST_CASE("reply_tracker: a pipeline that never empties does not grow for ever") {
  reply_tracker tracker;
  tracker.sent(request::sync, action::forward, 0);
  for (std::uint32_t i = 1; i < 10'000; ++i) {
    tracker.sent(request::sync, action::forward, i);
    REQUIRE(tracker.received('Z', "I") == reply_tracker::verdict::forward);
    REQUIRE_EQ(tracker.completed()->id, i - 1);
    REQUIRE_EQ(tracker.owed(), 1);
  }
}

TEST_CASE("reply_tracker: how many ReadyForQuery are owed") {
  reply_tracker tracker;
  for (auto kind :
       {request::query, request::parse, request::bind, request::sync, request::function_call, request::flush}) {
    tracker.sent(kind);
  }
  CHECK_EQ(tracker.ready_owed(), 3);
  tracker.received('Z', "I");
  CHECK_EQ(tracker.ready_owed(), 2);
}
