#include <doctest/doctest.h>

#include "protocol/wire/messages.hpp"
#include "tests/unit/session/dialogue.hpp"

// COPY, and messages that come in pieces.
namespace forebay {
namespace {

using test::dialogue;
using test::message;
using test::play;

TEST_CASE("copy: from the client") {
  play(R"(
    client: Query 'copy t from stdin'
    to server: Query 'copy t from stdin'
    server: CopyIn
    to client: CopyIn
    = not releasable
    client: CopyData '1'; CopyData '2'; CopyDone
    to server: CopyData '1'; CopyData '2'; CopyDone
    = not releasable
    server: Complete 'COPY 2'; Ready I
    to client: Complete 'COPY 2'; Ready I
    = releasable
  )");
}

TEST_CASE("copy: one that fails early, and what the client still sends of it") {
  play(R"(
    client: Query 'copy t from stdin'
    to server: Query 'copy t from stdin'
    server: CopyIn
    to client: CopyIn
    client: CopyData 'bad'
    to server: CopyData 'bad'
    server: Error 22P02 'bad row'; Ready I
    to client: Error 22P02 'bad row'; Ready I
    = releasable
    client: CopyData 'more'; CopyFail 'or not'; CopyDone; Query 'select 1'
    to server: Query 'select 1'
    server: Complete 'SELECT 1'; Ready I
    to client: Complete 'SELECT 1'; Ready I
    = releasable
  )");
}

TEST_CASE("copy: given up by the client; by the extended protocol") {
  play(R"(
    client: Parse - 'copy t from stdin'; Bind -; Execute; Flush
    to server: Parse - 'copy t from stdin'; Bind -; Execute; Flush
    server: ParseComplete; BindComplete; CopyIn
    to client: ParseComplete; BindComplete; CopyIn
    client: CopyData '1'; CopyFail 'no'; Sync
    to server: CopyData '1'; CopyFail 'no'; Sync
    server: Error 57014 'no'; Ready I
    to client: Error 57014 'no'; Ready I
    = releasable
  )");
}

TEST_CASE("copy: to the client") {
  play(R"(
    client: Query 'copy t to stdout'
    to server: Query 'copy t to stdout'
    server: CopyOut; CopyData '1'; CopyData '2'
    to client: CopyOut; CopyData '1'; CopyData '2'
    = not releasable
    server: CopyDone; Complete 'COPY 2'; Ready I
    to client: CopyDone; Complete 'COPY 2'; Ready I
    = releasable
  )");
}

TEST_CASE("copy: what became of a Sync in one that has failed is asked") {
  const std::string asks = "\n to server: Sync; Close forebay_; Sync";
  const std::string script = R"(
    client: Parse - 'copy t from stdin'; Bind -; Execute; Sync
    to server: Parse - 'copy t from stdin'; Bind -; Execute; Sync
    server: ParseComplete; BindComplete; CopyIn
    to client: ParseComplete; BindComplete; CopyIn
    client: CopyData '1'; CopyFail 'no'; Sync
    to server: CopyData '1'; CopyFail 'no'; Sync
  )";
  play(script + R"(
    server: Error 57014 'no'; Ready I
    to client: Error 57014 'no')" +
       asks + R"(
    client: Query 'select 1'
    = not releasable
    server: Ready I
    to client: Ready I
    server: CloseComplete
    to server: Query 'select 1'
    server: Ready I; Complete 'SELECT 1'; Ready I
    to client: Complete 'SELECT 1'; Ready I
    = releasable
  )");
  // The COPY has not read it, say as a trigger has failed before the data.
  play(script + R"(
    server: Error 57014 'no')" +
       asks + R"(
    to client: Error 57014 'no'
    server: Ready I; Ready I; Ready I; CloseComplete; Ready I
    to client: Ready I; Ready I
    = releasable
  )");
  // But not in the middle of a message that is on its way there.
  dialogue d;
  d.play(script);
  const auto data = message("CopyData '" + std::string(40000, 'x') + "'", false);
  d.from_client(std::string_view(data).substr(0, 20000));
  d.take_to_server();
  d.play("server: Error 57014 'no'\n to client: Error 57014 'no'");
  d.from_client(std::string_view(data).substr(20000));
  CHECK(d.take_to_server().starts_with(data.substr(20000) + "S"));
  // Behind its last piece again.
  dialogue late;
  late.play(script);
  for (std::size_t at = 0; at < data.size(); at += 15000)
    late.from_client(std::string_view(data).substr(at, 15000));
  late.take_to_server();
  late.play("server: Error 57014 'no'\n to client: Error 57014 'no'" + asks);
}

TEST_CASE("copy: the next request waits until one has begun, and within it for its end") {
  play(R"(
    client: Query 'copy t from stdin'; Sync; Parse - 'select 1'
    to server: Query 'copy t from stdin'; Sync
    server: CopyIn
    to client: CopyIn
    to server: Sync; Close forebay_; Sync
    server: Error 08P01 'unexpected message type 0x43 during COPY'
    to client: Error 08P01 'unexpected message type 0x50 during COPY'
  )");
  play(R"(
    client: Parse - 'copy t from stdin'; Bind -; Execute; Parse - 'select 1'
    to server: Parse - 'copy t from stdin'; Bind -; Execute; Flush
    server: ParseComplete; BindComplete; Error 42501 'no'
    to client: ParseComplete; BindComplete; Error 42501 'no'
    client: Sync
    to server: Sync
    server: Ready I
    to client: Ready I
    = releasable
  )");
  // It is none, whatever it looks like.
  play(R"(
    client: Parse - 'select a from stdin'; Bind -; Execute; Parse s 'select 1'
    to server: Parse - 'select a from stdin'; Bind -; Execute; Flush
    server: ParseComplete; BindComplete; Complete 'SELECT 1'
    to client: ParseComplete; BindComplete; Complete 'SELECT 1'
    to server: Parse [select 1] 'select 1'
  )");
  play(R"(
    client: Query 'select a from stdin'; Query 'select 2'
    to server: Query 'select a from stdin'
    server: Complete 'SELECT 1'; Ready I
    to client: Complete 'SELECT 1'; Ready I
    to server: Query 'select 2'
  )");
}

TEST_CASE(
    "copy: behind one that has failed the client's messages are skipped to its Sync, though the server has had ours") {
  dialogue d;
  d.play(R"(
    client: Parse - 'copy t from stdin'; Bind -; Execute; Sync
    to server: Parse - 'copy t from stdin'; Bind -; Execute; Sync
    server: ParseComplete; BindComplete; CopyIn
    to client: ParseComplete; BindComplete; CopyIn
    client: CopyData 'bad'
    to server: CopyData 'bad'
    server: Error 22P02 'bad'
    to client: Error 22P02 'bad'
    to server: Sync; Close forebay_; Sync
    server: Ready I; CloseComplete; Ready I
    = releasable
  )");
  CHECK(d.client("client").skip_to_sync);
}

std::string large(std::size_t size = 40000) {
  return std::string(size, 'x');
}

// Feeds `bytes` in pieces of `size`; what got to the other side is the same as for one piece.
void in_pieces(const std::string& setup, const std::string& bytes, bool from_server, bool dropped = false) {
  const auto feed = [&](std::size_t size) {
    dialogue d;
    d.server("server").max_prepared = 1;
    d.play(setup);
    if (dropped) d.client("client").gone = true;
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      if (from_server) {
        d.from_server(std::string_view(bytes).substr(at, size));
      } else {
        d.from_client(std::string_view(bytes).substr(at, size));
      }
    }
    REQUIRE_FALSE(d.client_error);
    CHECK(d.progress == exchange::progress::more);
    CHECK((from_server ? d.take_to_server() : d.take_to_client()).empty());
    return from_server ? d.take_to_client() : d.take_to_server();
  };
  const auto whole = feed(bytes.size());
  if (dropped) CHECK(whole.empty());
  for (const std::size_t size : {1U, 7U, 1000U, 16383U, 16384U, 16385U, 30000U, 39999U}) {
    CAPTURE(size);
    CHECK(feed(size) == whole);
  }
}

TEST_CASE("pieces: of the client's messages") {
  in_pieces("", message("Query 'select " + large() + "'", false), false);
  in_pieces("", message("Parse s 'select " + large() + "'", false) + message("Bind s", false) + message("Sync", false),
            false);
  in_pieces("", message("Parse - 'select " + large() + "'", false) + message("Bind -", false) + message("Sync", false),
            false);
  const auto bind = wire::encode(wire::bind{"p", "s", {}, {large(), large()}, {}});
  in_pieces("client: Parse s 'x'; Sync\n to server: Parse [x] 'x'; Sync\n", bind + message("Sync", false), false);
  in_pieces("client: Query 'copy'\n to server: Query 'copy'\n server: CopyIn\n to client: CopyIn\n",
            message("CopyData '" + large() + "'", false) + message("CopyDone", false), false);
}

TEST_CASE("pieces: of what the server would ignore") {
  in_pieces(
      "client: Parse - 'x'; Flush\n to server: Parse - 'x'; Flush\n server: Error 42601 'x'\n to client: Error 42601 "
      "'x'\n",
      message("Query '" + large() + "'", false) + message("Parse s '" + large() + "'", false) + message("Sync", false) +
          message("Query 'select 1'", false),
      false);
  in_pieces("", message("CopyData '" + large() + "'", false) + message("Query 'select 1'", false), false);
}

TEST_CASE("pieces: of the server's messages") {
  const auto reply = message("Columns", true) + message("Row '" + large() + "'", true) + message("Row '1'", true) +
                     message("Notice '" + large() + "'", true) + message("Error 42601 '" + large() + "'", true) +
                     message("Ready I", true);
  const std::string setup = "client: Query 'x'\n to server: Query 'x'\n";
  in_pieces(setup, reply, true);
  in_pieces(setup, reply, true, true);
}

TEST_CASE("pieces: an error of any size that answers for our Parse is the client's") {
  const std::string setup = R"(
    == client on another
    client: Parse s 'x'; Sync
    to server: Parse [x] 'x'; Sync
    server: ParseComplete; Ready I
    to client: ParseComplete; Ready I
    == client on server
    client: Bind s; Sync
    to server: Parse [x] 'x'; Bind [x]; Sync
  )";
  const auto error = message("Error 42601 '" + large() + "'", true);
  for (const std::size_t size : {std::size_t{20000}, error.size()}) {
    dialogue d;
    d.play(setup);
    for (std::size_t at = 0; at < error.size(); at += size)
      d.from_server(std::string_view(error).substr(at, size));
    d.from_server(message("Ready I", true));
    CHECK(d.take_to_client() == error + message("Ready I", true));
    CHECK(d.releasable());
  }
}

TEST_CASE("pieces: our settings may fail with an error of any size") {
  dialogue d;
  d.client("client").settings.wanted = parameter_set::intern({{"x", "y", false}});
  d.from_client(message("Sync", false));
  d.take_to_server();
  d.from_server(std::string_view(message("Error 22023 '" + large() + "'", true)).substr(0, 20000));
  CHECK(d.progress == exchange::progress::farewell);
  CHECK_FALSE(d.releasable());
  CHECK(d.take_to_client().empty());
}

TEST_CASE("pieces: a Parse begun is forgotten with its batch") {
  dialogue d;
  d.client("client").collected = "left over";
  d.client("client").rest = client_state::rest::collect;
  const auto parse = message("Parse s 'select " + large() + "'", false);
  d.from_client(std::string_view(parse).substr(0, 20000));
  CHECK(d.take_to_server().empty());
  d.from_client(std::string_view(parse).substr(20000));
  CHECK(d.take_to_server().find("left over") == std::string::npos);
  CHECK(d.client("client").find_statement("s")->query == "select " + large());
  CHECK(d.client("client").collected.empty());
}

TEST_CASE("pieces: a Parse that is collected gets the settings of its client too") {
  dialogue d;
  const auto parse = message("Parse s 'select " + large() + "'", false);
  d.from_client(std::string_view(parse).substr(0, 20000));
  d.client("client").settings.wanted = parameter_set::intern({{"x", "y", false}});
  d.from_client(std::string_view(parse).substr(20000));
  CHECK(d.take_to_server()[0] == 'Q');
}

TEST_CASE("pieces: a Parse too large to keep") {
  dialogue d;
  auto parse = message("Parse s 'select " + large() + "'", false);
  parse[1] = 5;  // 80 MiB and some
  d.from_client(parse);
  REQUIRE(d.client_error);
  CHECK(d.client_error->sqlstate == "54000");
}

TEST_CASE("pieces: a word that pins is found wherever a large Query is cut") {
  const std::string word = "create temp table t ()";
  for (std::size_t offset = 0; offset <= word.size() + 2; ++offset) {
    CAPTURE(offset);
    const auto query = message("Query '" + large(16384 - 5 - offset) + " " + word + " " + large() + "'", false);
    dialogue d;
    d.from_client(std::string_view(query).substr(0, 16384));
    CHECK(d.take_to_server().size() == 16384);
    if (offset == 0) CHECK(d.client("client").pin == pin_reason::none);
    d.from_client(std::string_view(query).substr(16384));
    CHECK(d.client("client").pin == pin_reason::temporary_table);
    CHECK(d.client("client").text_tail.empty());
  }
  // Even a byte at a time.
  const auto query = message("Query '" + large(16384) + " " + word + " " + large(100) + "'", false);
  dialogue d;
  for (const char c : query)
    d.from_client({&c, 1});
  CHECK(d.client("client").pin == pin_reason::temporary_table);
}

TEST_CASE("pieces: and in the first piece, far from its end") {
  dialogue d;
  const auto query = message("Query 'create temp table t (); select " + large() + "'", false);
  d.from_client(std::string_view(query).substr(0, 20000));
  CHECK(d.client("client").pin == pin_reason::temporary_table);
}

TEST_CASE("pieces: a Describe or Close is never taken for whole before it is") {
  for (const char type : {'D', 'C'}) {
    dialogue d;
    std::string bytes(1, type);
    bytes += std::string("\0\0\x9c\x40S", 5) + large(16384 - 7) + '\0' + large(23617);
    d.from_client(std::string_view(bytes).substr(0, 16384));
    REQUIRE(d.client_error);
    CHECK(d.client_error->sqlstate == "08P01");
  }
}

TEST_CASE("pieces: any SET in a large Query pins, whatever it sets") {
  dialogue d;
  d.from_client(message("Query 'select " + large() + "'", false));
  d.take_to_server();
  d.play("server: Complete 'SET'; Ready I\n to client: Complete 'SET'; Ready I\n = unpinned");
  const auto query = message("Query 'select " + large() + "'", false);
  d.from_client(std::string_view(query).substr(0, 20000));
  d.from_client(std::string_view(query).substr(20000));
  d.take_to_server();
  d.play("server: Complete 'SET'; Ready I\n to client: Complete 'SET'; Ready I\n = pinned setting");
}

}  // namespace
}  // namespace forebay
