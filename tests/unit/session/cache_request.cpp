#include "session/cache_request.hpp"

#include <doctest/doctest.h>

#include "cache/key_fields.hpp"
#include "protocol/wire/messages.hpp"

// Which batches one result may answer, what tells them apart, and which answers may be kept.
namespace forebay {
namespace {

using wire::encode;

const std::string sync = encode(wire::sync{}), flush = encode(wire::flush{}),
                  described = encode(wire::describe{'P', ""});
const std::string run = encode(wire::execute{"", 0});

std::string parse(std::string_view text, std::string_view name = "", std::string_view types = {"\0\0", 2}) {
  return encode(wire::parse{name, text, types});
}
std::string bind(std::string_view value, std::string_view statement = "", std::string_view portal = "",
                 std::vector<std::uint16_t> formats = {}) {
  return encode(wire::bind{portal, statement, {}, {value}, std::move(formats)});
}
std::string query(std::string_view text) {
  return encode(wire::query{text});
}

struct client {
  std::optional<cache_request> ask(const std::string& batch) {
    wire::framer framer;
    bytes = batch;
    std::string_view in = bytes;
    const auto first = **framer.next(in);
    return cache_request::of(first, framer, in, state);
  }
  std::string key(const std::string& batch, std::string_view scope = "me") {
    const auto found = ask(batch);
    std::string out;
    if (found) found->write_key(scope, out);
    return out;
  }

  client_state state;
  std::string bytes;
};

}  // namespace

TEST_CASE("a batch that one result may answer") {
  client c;
  c.state.assign("s", unnamed_statement("select $1", {"\0\0", 2}, nullptr));
  for (const auto& batch :
       {query("select 1"), query(" /* x */ WITH a AS (SELECT 1) TABLE a"), query("(values (1))"),
        parse("select $1") + bind("1") + run + sync, parse("select $1") + bind("1") + described + run + sync,
        bind("1", "s") + run + sync, bind("1", "s") + described + run + sync}) {
    CHECK(c.ask(batch).has_value());
  }
}

TEST_CASE("batches that none may answer") {
  client c;
  c.state.assign("s", unnamed_statement("select $1", {"\0\0", 2}, nullptr));
  c.state.assign("w", unnamed_statement("update t set x = 1", {"\0\0", 2}, nullptr));
  const auto p = parse("select $1"), b = bind("1");
  for (const auto& batch : {query("update t set x = 1"),
                            query("begin"),
                            query(""),
                            parse("insert into t values ($1)") + b + run + sync,
                            p + b + run,
                            p + b + run + flush + sync,
                            p + b + sync,
                            p + run + sync,
                            p + b + encode(wire::execute{"", 5}) + sync,
                            p + b + run + run + sync,
                            p + b + run + described + sync,
                            p + described + b + run + sync,
                            b + p + run + sync,
                            parse("select $1", "named") + bind("1", "named") + run + sync,
                            p + bind("1", "s") + run + sync,
                            p + bind("1", "", "portal") + run + sync,
                            p + b + encode(wire::describe{'S', ""}) + run + sync,
                            p + b + b + run + sync,
                            p + encode(wire::describe{'S', ""}) + sync,
                            bind("1", "none") + run + sync,
                            bind("1", "w") + run + sync,
                            sync,
                            run + sync}) {
    CHECK_FALSE(c.ask(batch).has_value());
  }
}

TEST_CASE("a key tells all apart that shapes the answer") {
  client c;
  const auto base = parse("select $1") + bind("1") + run + sync;
  for (const auto& other :
       {query("select $1"), parse("select $1 ") + bind("1") + run + sync, parse("select $1") + bind("2") + run + sync,
        parse("select $1") + bind("1") + described + run + sync,
        parse("select $1") + bind("1", "", "", {1}) + run + sync,
        parse("select $1", "", {"\0\1\0\0\0\x17", 6}) + bind("1") + run + sync}) {
    CHECK(c.key(other) != "");
    CHECK(c.key(other) != c.key(base));
  }
  CHECK(c.key(base, "you") != c.key(base, "me"));
}

TEST_CASE("a statement prepared before has the key of the same text parsed now") {
  client c;
  c.state.assign("s", unnamed_statement("select $1", {"\0\0", 2}, nullptr));
  CHECK(c.key(bind("1", "s") + run + sync) == c.key(parse("select $1") + bind("1") + run + sync));
}

TEST_CASE("what may be shown of a key") {
  client c;
  std::string scope;
  for (const auto* field : {"main", "app", "login", "user"})
    add_key_field(scope, field);
  const auto key = c.key(query("select 1"), scope);
  const auto found = cache_request::describe(key);
  CHECK(found.cluster == "main");
  CHECK(found.database == "app");
  CHECK(found.user == "user");
  CHECK(found.text == "select 1");
  CHECK(cache_request::describe("").text == "");
  CHECK(cache_request::describe("Q\xff\xff\xff\xff").cluster == "");
}

TEST_CASE("parameters that are times of day") {
  client c;
  const auto takes = [&](const std::string& types) {
    return c.ask(parse("select $1", "", types) + bind("12:00") + run + sync)->takes_times();
  };
  CHECK_FALSE(takes({"\0\0", 2}));
  CHECK_FALSE(takes({"\0\2\0\0\0\x19\0\0\0\0", 10}));
  CHECK(takes({"\0\2\0\0\0\x19\0\0\4\xf2", 10}));  // timetz
  CHECK(takes({"\0\1\0\0\4\x3b", 6}));             // time
  CHECK_FALSE(c.ask(query("select 1"))->takes_times());
}

TEST_CASE("answers that may be kept") {
  const std::string row_description = encode(wire::row_description{}), row = encode(wire::data_row{}),
                    done = encode(wire::command_complete{"SELECT 1"}), ready = encode(wire::ready_for_query{'I'}),
                    parsed = encode(wire::parse_complete{}), bound = encode(wire::bind_complete{});
  const cache_request simple{.simple = true}, bare{}, described_one{.describes = true}, parses{.parses = true};
  CHECK(cacheable_reply::of(row_description + row + row + done + ready, simple).rows == 2);
  CHECK(cacheable_reply::of(row_description + done + ready, simple).bytes == row_description + done + ready);
  CHECK(cacheable_reply::of(bound + row + done + ready, bare).rows == 1);
  CHECK(cacheable_reply::of(bound + row_description + row + done + ready, described_one).rows == 1);
  CHECK(cacheable_reply::of(parsed + bound + row + done + ready, parses).bytes == bound + row + done + ready);
}

TEST_CASE("answers that may not") {
  const std::string t = encode(wire::row_description{}), d = encode(wire::data_row{}),
                    c = encode(wire::command_complete{"SELECT 1"}), z = encode(wire::ready_for_query{'I'}),
                    notice = encode(wire::notice_response{}),
                    parameter = encode(wire::parameter_status{"TimeZone", "UTC"}),
                    error = encode(wire::pg_error::error("22012", "no")), suspended = encode(wire::portal_suspended{});
  const cache_request simple{.simple = true};
  for (const auto& reply : {t + d + c + encode(wire::ready_for_query{'T'}), t + notice + d + c + z,
                            t + d + parameter + c + z, t + d + error + z, error + z, t + d + suspended + z, t + d + c,
                            t + d + c + t + d + c + z, c + z, d + c + z, t + d + c + z + z, std::string()}) {
    CHECK(cacheable_reply::of(reply, simple).bytes == "");
  }
}

}  // namespace forebay
