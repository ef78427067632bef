#include "session/read_judge.hpp"

#include <doctest/doctest.h>

#include "protocol/wire/messages.hpp"

// What of a client's batches may run on a replica, as far as messages, names and settings tell; of texts alone see
// tests/unit/routing/access.cpp.
namespace forebay {
namespace {

using kind = route_wish::kind;
using wire::encode;

// A function that writes, one that reads, a table and an unlogged one.
const catalog& facts() {
  static const auto all = [] {
    catalog c;
    c.functions = {{1, "public", "writes", 'v', false}, {2, "public", "reads", 's', false}};
    for (const auto* name : {"=", "<>", "<", ">", "<=", ">="})
      c.operators.push_back({"pg_catalog", name, 0});
    c.relations = {{10, "public", "t", 'r', 'p'}, {11, "public", "u", 'r', 'u'}};
    return c;
  }();
  return all;
}

struct client {
  std::string judge(const std::string& bytes) {
    state.settings.wanted = wanted;
    const auto wants = route_settings::of(*wanted, by_default);
    wire::framer framer;
    std::string_view in = bytes;
    const auto first = **framer.next(in);
    const auto found = read_judge(sql, known, knows ? rules : nothing, state, wants).of(first, in);
    size = found.size;
    ties = found.ties;
    if (found.what == kind::read) return "read";
    if (found.what == kind::any) return "any";
    return std::string("primary: ") + found.reason + (found.about.empty() ? "" : " " + found.about);
  }
  std::string query(std::string_view text) { return judge(encode(wire::query{text})); }
  void set(std::string_view name, std::string_view value) { wanted = parameter_set::with(wanted, name, value, false); }

  access_reader sql;
  known_reads known;
  read_rules_ptr rules = std::make_shared<const read_rules>(facts(), function_lists{}), nothing;
  bool knows = true;
  transaction_modes::level by_default = transaction_modes::level::read_committed;
  client_state state;
  parameters wanted = parameter_set::empty();
  std::size_t size = 0;
  bool ties = false;
};

const std::string sync = encode(wire::sync{});

std::string parse(std::string_view text, std::string_view name = "") {
  return encode(wire::parse{name, text, std::string_view("\0\0", 2)});
}
std::string bind(std::string_view name = "") {
  return encode(wire::bind{"", name, {}, {}, {}}) + encode(wire::execute{"", 0});
}

TEST_CASE("a simple query") {
  client c;
  CHECK(c.query("select * from t where id = 7") == "read");
  CHECK(c.size == encode(wire::query{"select * from t where id = 7"}).size());
  CHECK(c.query("select reads(1) from t") == "read");
  CHECK(c.query("insert into t values (1)") == "primary: not a select");
  CHECK(c.query("select 1; select 2") == "primary: several statements");
  CHECK(c.query("select writes(1)").starts_with("primary: volatile function"));
  CHECK(c.query("select writes(1)").ends_with("public.writes"));
  CHECK(c.query("select * from u").starts_with("primary: unlogged relation"));
  CHECK(c.query("show work_mem") == "any");
  CHECK(c.query("set work_mem = '1MB'") == "any");
  c.knows = false;
  CHECK(c.query("select * from t") == "primary: the database's catalog is not known yet");
  CHECK(c.query("show work_mem") == "any");
}

TEST_CASE("a batch is one: the worst of it counts, and all of it must be there") {
  client c;
  const auto reads = parse("select * from t") + bind();
  CHECK(c.judge(reads + sync) == "read");
  CHECK(c.size == (reads + sync).size());
  CHECK(c.judge(reads + sync + parse("insert into t values (1)") + bind() + sync) == "read");
  CHECK(c.size == (reads + sync).size());
  CHECK(c.judge(reads + parse("insert into t values (1)") + bind() + sync) == "primary: not a select");
  CHECK(c.judge(reads) == "primary: a batch whose Sync has not come yet");
  CHECK(c.judge(reads + encode(wire::flush{})) == "primary: a batch whose Sync has not come yet");
  CHECK(c.judge(reads + encode(wire::flush{}) + sync) == "read");
  CHECK(c.judge(reads + sync.substr(0, 3)) == "primary: a batch whose Sync has not come yet");
  CHECK(c.judge(reads + encode(wire::query{"select 1"}) + sync) == "primary: not a query");
  CHECK(c.judge(encode(wire::describe{'P', ""}) + sync) == "any");
}

TEST_CASE("a name stands for its text, the batch's own or the client's") {
  client c;
  c.state.assign("r", std::make_shared<const statement>(statement{"s1", "select * from t", "", nullptr}));
  c.state.assign("w", std::make_shared<const statement>(statement{"s2", "delete from t", "", nullptr}));
  CHECK(c.judge(bind("r") + sync) == "read");
  CHECK(c.judge(encode(wire::describe{'S', "r"}) + sync) == "read");
  CHECK(c.judge(bind("w") + sync) == "primary: not a select");
  CHECK(c.judge(bind("nobody") + sync) == "primary: a statement that is not known");
  CHECK(c.judge(bind() + sync) == "primary: a statement that is not known");
  CHECK(c.judge(parse("select * from t", "nobody") + bind("nobody") + sync) == "read");
  CHECK(c.judge(bind("r") + bind("w") + sync) == "primary: not a select");
  CHECK(c.query("execute r") == "read");
  CHECK(c.query("execute w") == "primary: executes what is no read");
  CHECK(c.query("execute nobody") == "primary: a statement that is not known");
}

TEST_CASE("a statement that was found to read is known, by these rules and as long as nothing else is asked for") {
  client c;
  c.state.assign("r", std::make_shared<const statement>(statement{"s1", "select reads(1) from t", "", nullptr}));
  CHECK(c.judge(bind("r") + sync) == "read");
  CHECK(c.known.contains(c.state.find_statement("r"), c.rules));
  CHECK(c.judge(bind("r") + sync) == "read");
  c.set("forebay.route", "primary");
  CHECK(c.judge(bind("r") + sync) == "primary: forebay.route");
  c.set("forebay.route", "");
  auto other = facts();
  other.functions[1].volatility = 'v';
  c.rules = std::make_shared<const read_rules>(other, function_lists{});
  CHECK(c.judge(bind("r") + sync).starts_with("primary: volatile function"));
  c.state.assign("b", std::make_shared<const statement>(statement{"s2", "begin read only", "", nullptr}));
  CHECK(c.judge(bind("b") + sync) == "read");
  CHECK_FALSE(c.known.contains(c.state.find_statement("b"), c.rules));
}

TEST_CASE("transactions that read only") {
  client c;
  CHECK(c.query("begin") == "primary: a transaction that may write");
  CHECK(c.query("begin read only") == "read");
  CHECK(c.query("start transaction isolation level repeatable read, read only") == "read");
  CHECK(c.query("begin isolation level serializable read only") == "primary: serializable");
  CHECK(c.query("commit") == "primary: outside of a transaction");
  const auto begin = parse("begin read only") + bind(), commit = parse("commit") + bind();
  CHECK(c.judge(begin + parse("select * from t") + bind() + commit + sync) == "read");
  CHECK(c.judge(begin + parse("savepoint s") + bind() + sync) == "read");
  CHECK(c.judge(begin + parse("select writes(1)") + bind() + sync).starts_with("primary: volatile"));
  c.set("default_transaction_read_only", "on");
  CHECK(c.query("begin") == "read");
  CHECK(c.query("begin read write") == "primary: a transaction that may write");
  c.set("default_transaction_isolation", "serializable");
  CHECK(c.query("begin") == "primary: serializable");
  CHECK(c.query("select * from t") == "primary: serializable");
  CHECK(c.query("begin isolation level read committed") == "primary: serializable");
}

TEST_CASE("what ties a transaction to its replica") {
  client c;
  c.state.assign("r", std::make_shared<const statement>(statement{"s1", "select * from t", "", nullptr}));
  const auto tied = [&](const std::string& bytes) {
    CHECK_FALSE(c.judge(bytes).starts_with("primary"));
    return c.ties;
  };
  const auto begin = parse("begin read only") + bind();
  const auto repeatable = parse("begin isolation level repeatable read read only") + bind();
  CHECK_FALSE(tied(begin + sync));
  CHECK_FALSE(tied(begin + parse("select * from t") + bind() + sync));
  CHECK(tied(begin + parse("savepoint s") + bind() + sync));
  CHECK(tied(begin + parse("set local work_mem = '1MB'") + bind() + sync));
  CHECK(tied(begin + parse("declare c cursor for select * from t") + bind() + sync));
  CHECK(tied(begin + encode(wire::bind{"p", "r", {}, {}, {}}) + sync));
  CHECK(tied(begin + parse("commit") + bind() + sync));
  CHECK_FALSE(tied(begin + parse("commit and chain") + bind() + sync));
  CHECK_FALSE(tied(repeatable + sync));
  CHECK(tied(repeatable + bind("r") + sync));
  CHECK(tied(repeatable + bind("r") + sync));  // known by now
  CHECK(tied(repeatable + parse("execute r") + bind() + sync));

  c.by_default = transaction_modes::level::repeatable_read;
  CHECK(tied(begin + bind("r") + sync));
  CHECK_FALSE(tied(parse("begin isolation level read committed read only") + bind() + bind("r") + sync));
  CHECK_FALSE(tied(bind("r") + sync));
  c.set("default_transaction_isolation", "Read Committed");
  CHECK_FALSE(tied(begin + bind("r") + sync));
}

TEST_CASE("a login that is serializable by default") {
  client c;
  c.by_default = transaction_modes::level::serializable;
  CHECK(c.query("select * from t") == "primary: serializable");
  CHECK(c.query("begin read only") == "primary: serializable");
  CHECK(c.query("begin isolation level read committed read only") == "primary: serializable");
  c.set("default_transaction_isolation", "repeatable read");
  CHECK(c.query("select * from t") == "primary: serializable");
}

TEST_CASE("who asks for a side gets it; a write stays a write") {
  client c;
  CHECK(c.query("/* forebay: route=primary */ select * from t") == "primary: asked for by hint");
  CHECK(c.query("/* forebay: route=replica */ select writes(1)") == "read");
  CHECK(c.query("/* forebay: route=replica */ insert into t values (1)") == "primary: not a select");
  CHECK(c.query("/* forebay: route=nowhere */ select * from t") == "read");
  CHECK(c.query("/* forebay: route=replica */ begin") == "read");
  c.set("forebay.route", "primary");
  CHECK(c.query("select * from t") == "primary: forebay.route");
  CHECK(c.query("/* forebay: route=replica */ select * from t") == "read");
  c.set("forebay.route", "replica");
  CHECK(c.query("select * from unheard_of") == "read");
  CHECK(c.query("insert into t values (1)") == "primary: not a select");
}

TEST_CASE("a setting that would keep its server is for the primary's") {
  client c;
  c.state.on_session_state = config::session_state_policy::pin;
  CHECK(c.query("set work_mem = '1MB'") == "primary: keeps its server");
  CHECK(c.query("show work_mem") == "any");
}

TEST_CASE("constants that the grammar would read otherwise") {
  client c;
  c.set("standard_conforming_strings", "off");
  CHECK(c.query("select 'a\\' from t") == "primary: not to be read by these settings");
  CHECK(c.query("select 'a' from t") == "read");
}

}  // namespace
}  // namespace forebay
