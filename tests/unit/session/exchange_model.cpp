#include <doctest/doctest.h>

#include <deque>
#include <random>
#include <set>

#include "protocol/wire/messages.hpp"
#include "tests/unit/session/dialogue.hpp"

// Random scripts of three clients over two servers, compared message by message with what each client would get from a
// server of its own. The servers are a model of PostgreSQL as far as prepared statements and pipelines go.
namespace forebay {
namespace {

using test::dialogue;
using test::message;

// What is the same for all sessions of a database. The table is never dropped: that is the one thing a client can tell,
// as a text that somebody has prepared on the server is answered for without asking, and fails only at Bind.
struct world {
  bool has_table = false;
};

class model_server {
 public:
  explicit model_server(world& w) : world_(&w) {}

  // One message in, its replies out; replies are texts as in a dialogue.
  std::vector<std::string> process(const std::string& text) {
    out_.clear();
    const auto space = text.find(' ');
    const auto name = text.substr(0, space);
    const auto argument = space == std::string::npos ? "" : text.substr(space + 1);
    if (skipping_ && name != "Sync") return {};
    if (name == "Query") {
      unnamed_.reset();
      portals_.clear();
      run(argument);
      out_.push_back("Ready I");
    } else if (name == "Sync") {
      skipping_ = false;
      portals_.clear();
      out_.push_back("Ready I");
    } else if (name == "Parse") {
      const auto end = argument.find(' ');
      parse(argument.substr(0, end), argument.substr(end + 1));
    } else if (name == "Bind") {
      if (const auto* sql = find(argument)) {
        portals_[""] = *sql;
        out_.push_back("BindComplete");
      }
    } else if (name == "Describe") {
      if (find(argument)) out_.insert(out_.end(), {"Parameters", "NoData"});
    } else if (name == "Close") {
      if (argument == "-") {
        unnamed_.reset();
      } else {
        named_.erase(argument);
      }
      out_.push_back("CloseComplete");
    } else if (name == "Execute") {
      if (portals_.contains("")) {
        const auto sql = portals_[""];
        run(sql);
      } else {
        fail("34000", "no portal");
      }
    }
    if (!out_.empty() && out_.back().starts_with("Error") && name != "Query") skipping_ = true;
    if (name == "Query" && out_.size() > 1 && out_[0].starts_with("Error")) out_ = {out_[0], "Ready I"};
    return out_;
  }
  const std::map<std::string, std::string>& named() const { return named_; }

 private:
  void fail(const std::string& sqlstate, const std::string& text) {
    out_.push_back("Error " + sqlstate + " '" + text + "'");
  }
  void run(const std::string& sql) {
    if (sql == "'create'") world_->has_table = true;
    if (sql == "'DEALLOCATE ALL'" || sql == "'DISCARD ALL'") {
      named_.clear();
      return out_.push_back("Complete " + sql);
    }
    if (sql == "'fail'") return fail("22012", "it failed");
    out_.push_back("Complete 'RAN " + sql.substr(1));
  }
  void parse(const std::string& name, const std::string& sql) {
    if (name == "-") unnamed_.reset();
    if (is_wrong(sql)) return fail("42601", "not " + sql.substr(1, 4));
    if (name == "-") {
      unnamed_ = sql;
    } else if (!named_.emplace(name, sql).second) {
      return fail("42P05", "prepared statement \"" + name + "\" already exists");
    }
    out_.push_back("ParseComplete");
  }
  const std::string* find(const std::string& name) {
    const auto found = named_.find(name);
    if (name == "-" ? !unnamed_ : found == named_.end()) {
      const auto what = name == "-" ? "unnamed prepared statement" : "prepared statement \"" + name + "\"";
      fail("26000", what + " does not exist");
      return nullptr;
    }
    const auto& sql = name == "-" ? *unnamed_ : found->second;
    if (is_wrong(sql)) {  // its plan is made anew
      fail("42601", "not " + sql.substr(1, 4));
      return nullptr;
    }
    return &sql;
  }
  bool is_wrong(const std::string& sql) const {
    return sql == "'nonsense'" || (sql == "'needs table'" && !world_->has_table);
  }

  world* world_;
  std::vector<std::string> out_;
  std::map<std::string, std::string> named_;
  std::map<std::string, std::string> portals_;
  std::optional<std::string> unnamed_;
  bool skipping_ = false;
};

// A frontend message as the model reads it.
std::string text_of(const wire::piece& p) {
  const auto body = p.body();
  const auto name_or_dash = [](std::string_view name) { return name.empty() ? "-" : std::string(name); };
  switch (p.type) {
    case 'Q':
      return "Query '" + std::string(wire::query::decode(body)->sql) + "'";
    case 'P': {
      const auto m = *wire::parse::decode(body);
      return "Parse " + name_or_dash(m.name) + " '" + std::string(m.query) + "'";
    }
    case 'B':
      return "Bind " + name_or_dash(wire::bind::decode(body)->statement);
    case 'D':
      return "Describe " + name_or_dash(wire::describe::decode(body)->name);
    case 'C':
      return "Close " + name_or_dash(wire::close::decode(body)->name);
    case 'E':
      return "Execute";
    case 'H':
      return "Flush";
    default:
      return "Sync";
  }
}

class comparison {
 public:
  comparison(std::mt19937& random, std::uint32_t max_prepared) : random_(random), max_prepared_(max_prepared) {
    for (std::size_t i = 0; i < 2; ++i)
      servers_.emplace_back(through_);
    for (std::size_t i = 0; i < 3; ++i)
      direct_servers_.emplace_back(direct_);
    for (const auto& s : server_names_)
      d_.server(s).max_prepared = max_prepared;
  }

  // One client has one server for some batches. False: they differ.
  bool turn() {
    const auto client = random_() % 3;
    const auto server = random_() % 2;
    d_.play("== " + client_names_[client] + " on " + server_names_[server]);
    std::vector<std::string> script;
    names_ = {"-", "a", "b", "c"};
    for (auto batches = 1 + random_() % 4; batches > 0; --batches) {
      if (random_() % 4 == 0) {
        script.push_back("Query " + random_sql(texts.size()));
        // From here on names that are in use for nothing yet: until it is known that they are forgotten, the old ones
        // still mean what they did, which does no harm.
        if (script.back().find(" ALL") != std::string::npos) names_ = {"-", "d", "e"};
        continue;
      }
      for (auto requests = random_() % 5; requests > 0; --requests)
        script.push_back(random_request());
      script.push_back("Sync");
    }
    if (names_.size() == 3) script.insert(script.end(), {"Close d", "Close e", "Sync"});
    std::string expected, got;
    for (const auto& text : script) {
      for (const auto& reply : direct_servers_[client].process(text))
        expected += message(reply, true);
    }
    std::deque<std::string> replies;
    wire::framer framer;
    std::string way_there;
    const auto move = [&](bool all) {
      way_there += d_.take_to_server();
      std::string_view in = way_there;
      while (all || random_() % 2 == 0) {
        const auto next = framer.next(in);
        if (!*next) break;
        for (auto& reply : servers_[server].process(text_of(**next)))
          replies.push_back(message(reply, true));
      }
      way_there = std::string(in);
      while (!replies.empty() && (all || random_() % 2 == 0)) {
        d_.from_server(replies.front());
        replies.pop_front();
      }
      got += d_.take_to_client();
    };
    for (const auto& text : script) {
      d_.from_client(message(text, false));
      if (random_() % 3 == 0) move(false);
    }
    do {
      move(true);  // what had to wait may follow
      way_there += d_.take_to_server();
    } while (!way_there.empty());
    std::string shown;
    for (const auto& text : script)
      shown += "\n  " + text;
    CAPTURE(shown);
    CHECK(d_.progress == exchange::progress::more);
    CHECK(d_.releasable());
    CHECK(d_.server(server_names_[server]).flights.empty());
    if (got != expected) {
      CHECK_EQ(test::describe(got, true), test::describe(expected, true));
      return false;
    }
    check_server(server);
    return true;
  }

 private:
  // What is said to be prepared is.
  void check_server(std::size_t i) {
    auto& s = d_.server(server_names_[i]);
    if (s.doubtful) {  // closed instead of reused
      s = server_state{};
      s.max_prepared = max_prepared_;
      servers_[i] = model_server(through_);
      return;
    }
    CHECK(s.prepared.size() == servers_[i].named().size());
    for (const auto& sql : texts) {
      const auto known = intern_statement(sql, wire::parse{}.parameter_types, nullptr);
      const auto there = servers_[i].named().find(known->server_name);
      CHECK(s.prepared.has(known) == (there != servers_[i].named().end()));
      if (there != servers_[i].named().end()) CHECK(there->second == "'" + sql + "'");
    }
  }
  std::string random_sql(std::size_t of) { return "'" + texts[random_() % of] + "'"; }
  std::string random_name() { return names_[random_() % names_.size()]; }
  std::string random_request() {
    switch (random_() % 8) {
      case 0:
      case 1:
      case 2:
        return "Parse " + random_name() + " " + random_sql(texts.size() - 2);  // within a batch they are not waited for
      case 3:
      case 4:
        return "Bind " + random_name();
      case 5:
        return "Describe " + random_name();
      case 6:
        return "Close " + random_name();
      default:
        return "Execute";
    }
  }

  std::vector<std::string> names_;
  std::mt19937& random_;
  std::uint32_t max_prepared_;
  world direct_, through_;
  std::vector<model_server> servers_, direct_servers_;
  const std::vector<std::string> client_names_{"alice", "bob", "carol"}, server_names_{"one", "two"};
  const std::vector<std::string> texts{"one",    "two",  "three",          "nonsense",   "needs table",
                                       "create", "fail", "DEALLOCATE ALL", "DISCARD ALL"};
  dialogue d_;
};

TEST_CASE("model: a client cannot tell a shared server from its own") {
  for (unsigned seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    comparison c(random, seed % 4 + 1);
    bool same = true;
    for (int i = 0; i < 40 && same; ++i) {
      CAPTURE(i);
      same = c.turn();
    }
    REQUIRE(same);
  }
}

}  // namespace
}  // namespace forebay
