#include <random>

#include "support.hpp"

#include "admin/command.hpp"

namespace forebay::admin {
namespace {

struct fixture {
  house h;
  std::unique_ptr<console_session> session = h.open("root");
  client c{*session};
};

std::string extended(std::string_view sql, const wire::bind& bound = {}) {
  return wire::encode(wire::parse{"", sql}) + wire::encode(wire::describe{'S', ""}) + wire::encode(bound) +
         wire::encode(wire::describe{'P', ""}) + wire::encode(wire::execute{}) + wire::encode(wire::sync{});
}

TEST_CASE_FIXTURE(fixture, "simple query") {
  auto replies = c.query("show version");
  CHECK(kinds(replies) == "TDCZ");
  CHECK(rows_in(replies) == std::vector<std::vector<std::string>>{{"Forebay 7.8.9"}});
  CHECK(wire::command_complete::decode(replies[2].body)->tag == "SHOW");
  CHECK(replies[3].body == "I");

  CHECK(kinds(c.query("")) == "IZ");
  CHECK(kinds(c.query(";;; -- nothing")) == "IZ");
  CHECK(kinds(c.query("SHOW HELP")) == "NCZ");
  CHECK(kinds(c.query("SET client_encoding = 'UTF8'")) == "NCZ");
  CHECK(kinds(c.query("SHOW VERSION; SHOW DNS_HOSTS; RELOAD")) == "TDCTCCZ");
  CHECK(h.reloads == 1);
}

TEST_CASE_FIXTURE(fixture, "an error ends a query of several statements") {
  CHECK(kinds(c.query("SHOW VERSION; NONSENSE; RELOAD")) == "TDCEZ");
  CHECK(kinds(c.query("RELOAD; 'no end")) == "EZ");  // the text as a whole is wrong: nothing runs
  CHECK(h.reloads == 0);
  std::string many;
  for (int i = 0; i < 65; ++i)
    many += "RELOAD;";
  CHECK(sqlstate_in(c.query(many)) == "54000");
  CHECK(h.reloads == 0);
}

TEST_CASE_FIXTURE(fixture, "extended query") {
  const auto replies = c.send(extended("SHOW VERSION"));
  CHECK(kinds(replies) == "1tT2TDCZ");
  CHECK(kinds(c.send(extended(""))) == "1tn2nIZ");
  CHECK(kinds(c.send(extended("RELOAD"))) == "1tn2nCZ");
  CHECK(kinds(c.send(extended("SHOW POOLS"))).find("1tT2T") == 0);
}

TEST_CASE_FIXTURE(fixture, "binary results") {
  wire::bind binary;
  binary.result_formats = {1};
  const auto replies = c.send(extended("SHOW LISTS", binary));
  CHECK(wire::row_description::decode(replies[4].body)->fields[1].format == 1);
  CHECK(rows_in(replies)[0] == std::vector<std::string>{"databases", std::string("\0\0\0\3", 4)});
  binary.result_formats = {0, 1, 1};
  CHECK(sqlstate_in(c.send(extended("SHOW LISTS", binary))) == "08P01");
  binary.result_formats = {2};
  CHECK(sqlstate_in(c.send(extended("SHOW LISTS", binary))) == "22023");
}

TEST_CASE_FIXTURE(fixture, "after an error everything is skipped up to Sync") {
  const auto replies = c.send(wire::encode(wire::parse{"", "NONSENSE"}) + wire::encode(wire::bind{}) +
                              wire::encode(wire::execute{}) + wire::encode(wire::query{"RELOAD"}) +
                              wire::encode(wire::sync{}) + wire::encode(wire::query{"SHOW VERSION"}));
  CHECK(kinds(replies) == "EZTDCZ");
  CHECK(h.reloads == 0);
}

TEST_CASE_FIXTURE(fixture, "names of statements and portals") {
  const auto parsed = wire::encode(wire::parse{"s", "SHOW VERSION"});
  CHECK(kinds(c.send(parsed + wire::encode(wire::sync{}))) == "1Z");
  CHECK(sqlstate_in(c.send(parsed + wire::encode(wire::sync{}))) == "42P05");
  wire::bind bound;
  bound.statement = "s";
  bound.portal = "p";
  CHECK(kinds(c.send(wire::encode(bound) + wire::encode(wire::execute{"p"}) + wire::encode(wire::sync{}))) == "2DCZ");
  CHECK(sqlstate_in(c.send(wire::encode(wire::execute{"p"}) + wire::encode(wire::sync{}))) == "34000");
  CHECK(kinds(c.send(wire::encode(wire::close{'S', "s"}) + wire::encode(wire::sync{}))) == "3Z");
  CHECK(sqlstate_in(c.send(wire::encode(bound) + wire::encode(wire::sync{}))) == "26000");
  CHECK(sqlstate_in(c.send(extended("SHOW VERSION; SHOW LISTS"))) == "42601");
  CHECK(sqlstate_in(c.send(extended("KILL_CLIENT $1"))) == "42P02");
}

TEST_CASE_FIXTURE(fixture, "a limited Execute suspends the portal") {
  const auto start = wire::encode(wire::parse{"", "SHOW STATE"}) + wire::encode(wire::bind{});
  const auto two = wire::encode(wire::execute{"", 2});
  CHECK(kinds(c.send(start + two + two + wire::encode(wire::sync{}))) == "12DDsDCZ");
}

TEST_CASE_FIXTURE(fixture, "a command of a portal runs once") {
  const auto replies =
      c.send(wire::encode(wire::parse{"", "RELOAD"}) + wire::encode(wire::bind{}) + wire::encode(wire::execute{}) +
             wire::encode(wire::execute{}) + wire::encode(wire::sync{}));
  CHECK(kinds(replies) == "12CEZ");
  CHECK(h.reloads == 1);
}

TEST_CASE_FIXTURE(fixture, "databases that are not there") {
  for (const auto* text : {"PAUSE nowhere", "RESUME nowhere", "KILL nowhere", "RECONNECT nowhere"}) {
    CAPTURE(text);
    CHECK(sqlstate_in(c.query(text)) == "3D000");
  }
  CHECK(sqlstate_in(c.query("PAUSE forebay")) == "55000");
  CHECK(sqlstate_in(c.query("KILL_CLIENT 12345")) == "42704");
  CHECK(sqlstate_in(c.query("KILL_CLIENT 4294967295")) == "42704");
  CHECK(sqlstate_in(c.query("KILL_CLIENT x")) == "42601");
  CHECK(sqlstate_in(c.query("KILL_CLIENT")) == "42601");
}

TEST_CASE_FIXTURE(fixture, "pause and resume") {
  CHECK(kinds(c.query("PAUSE app")) == "CZ");
  CHECK(h.pools.paused("app"));
  CHECK_FALSE(h.pools.paused("sales"));
  CHECK(sqlstate_in(c.query("PAUSE app")) == "55000");
  CHECK(sqlstate_in(c.query("RESUME sales")) == "55000");
  CHECK(kinds(c.query("RESUME app")) == "CZ");
  CHECK(sqlstate_in(c.query("RESUME app")) == "55000");
  CHECK(kinds(c.query("PAUSE; RESUME")) == "CCZ");
  CHECK(sqlstate_in(c.query("RESUME")) == "55000");
  CHECK(kinds(c.query("KILL sales; RESUME")) == "CCZ");
}

// A server connection that never gets anywhere keeps the database from draining.
void open_server_for(house& h, const std::string& database) {
  struct nobody final : pool::waiter {
    void granted(checkout_result) override {}
  };
  const auto p = h.pools.find_primary(*h.process.settings(), {database, "root", ""});
  const auto who = std::make_shared<nobody>();
  CHECK_FALSE(p->checkout(h.first, who));
  p->cancel(*who);
  REQUIRE_FALSE(h.pools.drained(database));
}

TEST_CASE_FIXTURE(fixture, "a PAUSE whose time is up is undone, and only that") {
  open_server_for(h, "app");
  CHECK(kinds(c.query("PAUSE sales TIMEOUT 1s")) == "CZ");  // nothing to wait for
  CHECK(sqlstate_in(c.query("PAUSE app TIMEOUT '20ms'")) == "57014");
  CHECK_FALSE(h.pools.paused("app"));
  CHECK(sqlstate_in(c.query("PAUSE TIMEOUT '20ms'")) == "57014");
  CHECK_FALSE(h.pools.paused("app"));
  CHECK(h.pools.paused("sales"));
}

TEST_CASE_FIXTURE(fixture, "a PAUSE whose client leaves is undone") {
  open_server_for(h, "app");
  std::promise<void> ended;
  const auto bytes = wire::encode(wire::query{"PAUSE app"});
  session->message('Q', bytes.substr(5), [&](console_session::answer a) {
    CHECK(sqlstate_in(split(a.bytes)) == "57014");
    ended.set_value();
  });
  CHECK(h.pools.paused("app"));
  session.reset();
  REQUIRE(ended.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready);
  CHECK_FALSE(h.pools.paused("app"));
}

TEST_CASE_FIXTURE(fixture, "a wrong configuration is told") {
  h.reload_says.wrong = {"a.toml:1:2: no", "a.toml:3:4: never"};
  const auto error = error_in(c.query("RELOAD"));
  CHECK(error.sqlstate == "F0000");
  CHECK(error.message.find("a.toml:1:2: no") != std::string::npos);
  CHECK(error.detail == "a.toml:1:2: no\na.toml:3:4: never");
}

TEST_CASE_FIXTURE(fixture, "what a reload leaves as it was is told") {
  h.reload_says.kept = {"general.workers", "listen.addresses"};
  const auto replies = c.query("RELOAD");
  CHECK(kinds(replies) == "NCZ");
  CHECK(replies[0].body.find("needs a restart, stays as it was: general.workers, listen.addresses") !=
        std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "shutdown is answered first") {
  CHECK(sqlstate_in(c.query("SHUTDOWN maybe")) == "42601");
  CHECK(kinds(c.query("SHUTDOWN WAIT_FOR_CLIENTS")) == "CZ");
  CHECK(kinds(c.query("shutdown")) == "CZ");
  CHECK(h.shutdowns == std::vector<bool>{false, true});
}

TEST_CASE_FIXTURE(fixture, "messages that mean nothing here") {
  CHECK(kinds(c.send(std::string("F\0\0\0\4", 5))) == "EZ");
  CHECK(kinds(c.send(std::string("d\0\0\0\4", 5) + std::string("H\0\0\0\4", 5))) == "");
  CHECK_FALSE(c.closed);
  CHECK(sqlstate_in(c.send(std::string("~\0\0\0\4", 5))) == "08P01");
  CHECK(c.closed);
}

TEST_CASE_FIXTURE(fixture, "every SHOW has rows as wide as its columns") {
  for (const auto& each : all_commands()) {
    if (each.shown.empty()) continue;
    CAPTURE(each.words);
    const auto replies = c.query(each.words);
    CHECK(kinds(replies).front() == 'T');
    for (const auto& m : replies) {
      if (m.type != 'D') continue;
      const auto r = wire::data_row::decode(m.body);
      CHECK(r->values.size() == each.shown.size());
      CHECK(r->values.front());
    }
  }
}

TEST_CASE_FIXTURE(fixture, "garbage is answered") {
  std::mt19937 random(42);
  const std::string_view alphabet = "SHOWPAUSE app'\";-/*\n$=\x01\xff";
  const std::string_view types = "QPBDECHFdcf";
  const auto below = [&](std::size_t n) { return random() % n; };
  for (int i = 0; i < 20'000; ++i) {
    std::string body;
    for (auto n = below(40); n > 0; --n)
      body += below(4) == 0 ? static_cast<char>(random()) : alphabet[below(alphabet.size())];
    if (below(3) == 0) body += '\0';
    std::string bytes;
    wire::writer w(bytes);
    w.begin(types[below(types.size())]);
    w.bytes(body);
    w.finish();
    if (bytes[0] == 'Q' && !wire::query::decode(body)) continue;
    c.send(bytes);
    if (below(5) == 0) CHECK(c.send(wire::encode(wire::sync{})).back().type == 'Z');
  }
  c.send(wire::encode(wire::sync{}));
  CHECK(kinds(c.query("SHOW VERSION")) == "TDCZ");
  // and statements made of the language's own words
  const char* words[] = {"SHOW", "PAUSE", "RESUME", "KILL", "app",   "nowhere", "TIMEOUT", "1ms",
                         "SET",  "=",     ";",      "'x'",  "\"y\"", "STATS",   "POOLS"};
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (auto n = below(6); n > 0; --n)
      text += std::string(words[below(std::size(words))]) + " ";
    CHECK(c.query(text).back().type == 'Z');
  }
}

}  // namespace
}  // namespace forebay::admin
