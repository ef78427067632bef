#include "support.hpp"

namespace forebay::admin {
namespace {

struct fixture {
  house h;
  std::unique_ptr<console_session> session = h.open("root");
  client c{*session};

  // The value of a column in the row whose first column is `name`.
  std::string shown(std::string_view command, const std::string& name, std::string_view column) {
    const auto replies = c.query(command);
    REQUIRE(replies.front().type == 'T');
    const auto head = wire::row_description::decode(replies.front().body);
    for (const auto& row : rows_in(replies)) {
      if (row.front() != name) continue;
      for (std::size_t i = 0; i < row.size(); ++i) {
        if (head->fields[i].name == column) return row[i];
      }
    }
    return "none";
  }
};

TEST_CASE_FIXTURE(fixture, "counters outlive the pool that counted") {
  const auto use = [&](const std::string& database, std::uint64_t checkouts) {
    const auto p = h.pools.find_primary(*h.process.settings(), {database, "other", ""});
    REQUIRE(p);
    traffic::add(p->traffic_of(h.first).queries, 3);
    traffic::add(p->traffic_of(h.second).checkouts, checkouts);
    return p;
  };
  use("app", 2);
  h.pools.maintain(steady::now());
  CHECK(h.pools.all().empty());
  CHECK(shown("SHOW STATS", "app", "total_query_count") == "3");
  CHECK(shown("SHOW STATS", "app", "total_server_assignment_count") == "2");
  CHECK(shown("SHOW TOTALS", "total_server_assignment_count", "value") == "2");

  // One that a reload leads elsewhere counts on while it is used.
  auto old = use("app", 1);
  auto moved = test_settings();
  moved.databases[0].dbname = "elsewhere";
  h.pools.reconfigure(std::make_shared<const config::settings>(moved));
  CHECK(old->retired());
  h.pools.maintain(steady::now());
  traffic::add(old->traffic_of(h.first).queries, 1);
  CHECK(shown("SHOW STATS", "app", "total_query_count") == "7");
  old.reset();
  h.pools.maintain(steady::now());
  h.pools.maintain(steady::now());
  CHECK(shown("SHOW STATS", "app", "total_query_count") == "7");
}

TEST_CASE_FIXTURE(fixture, "a name that no server answered to leaves no counters") {
  auto settings = test_settings();
  settings.databases[0].name = "*";
  settings.databases[0].user.clear();
  const auto all = std::make_shared<const config::settings>(settings);
  h.pools.reconfigure(all);
  for (const std::string database : {"real", "made_up"}) {
    const auto p = h.pools.find_primary(*all, {database, "other", ""});
    traffic::add(p->traffic_of(h.first).bytes_from_clients, 10);
    traffic::add(p->traffic_of(h.first).checkouts, database == "real" ? 1 : 0);
  }
  CHECK(shown("SHOW STATS", "made_up", "total_received") == "10");
  h.pools.maintain(steady::now());
  CHECK(shown("SHOW STATS", "real", "total_received") == "10");
  CHECK(shown("SHOW STATS", "made_up", "total_received") == "none");
}

TEST_CASE_FIXTURE(fixture, "limits are shown as they are set") {
  auto settings = test_settings();
  settings.pool.reserve_size = 4;
  settings.databases[0].max_connections = 30;
  settings.users[2].max_connections = 7;
  h.process.set_settings(std::make_shared<const config::settings>(settings));
  CHECK(shown("SHOW DATABASES", "app", "reserve_pool_size") == "4");
  CHECK(shown("SHOW DATABASES", "app", "max_connections") == "30");
  CHECK(shown("SHOW DATABASES", "sales", "max_connections") == "0");
  CHECK(shown("SHOW DATABASES", "forebay", "reserve_pool_size") == "0");
  CHECK(shown("SHOW USERS", "other", "max_user_connections") == "7");
  CHECK(shown("SHOW USERS", "root", "max_user_connections") == "0");
}

}  // namespace
}  // namespace forebay::admin
