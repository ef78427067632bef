#include <doctest/doctest.h>

#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "routing/access.hpp"
#include "routing/read_rules.hpp"
#include "routing/sql_template.hpp"
#include "routing/syntax.hpp"

// What a classification takes. No test: build/tests/unit/routing/unit_routing -tc='bench*' --no-skip
namespace forebay {
namespace {

template <class Work>
double microseconds(int times, Work work) {
  const auto start = std::clock();  // of this process, whoever else runs
  for (int i = 0; i < times; ++i)
    work(i);
  return static_cast<double>(std::clock() - start) * 1e6 / CLOCKS_PER_SEC / times;
}

const std::vector<std::pair<const char*, std::string>> texts = {
    {"pgbench -S", "SELECT abalance FROM pgbench_accounts WHERE aid = 12345;"},
    {"insert", "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 2, 3, 4, CURRENT_TIMESTAMP)"},
    {"orm",
     "SELECT \"users\".\"id\", \"users\".\"name\", \"users\".\"email\", \"users\".\"created_at\" FROM \"users\" INNER "
     "JOIN \"orders\" ON \"orders\".\"user_id\" = \"users\".\"id\" WHERE \"users\".\"active\" = 't' AND "
     "\"orders\".\"total\" > 100.5 AND lower(\"users\".\"name\") LIKE 'a%' ORDER BY \"users\".\"id\" DESC LIMIT 20"},
    {"report",
     "with recent as (select o.id, o.total, o.user_id from orders o where o.created_at > now() - interval '1 day') "
     "select u.id, u.name, count(*) filter (where r.total > 10) over (partition by u.country order by u.id), "
     "coalesce(sum(r.total), 0)::numeric(10,2), case when u.age > 18 then 'adult' else 'minor' end from users u left "
     "join recent r on r.user_id = u.id where u.id in (select user_id from logins where at between '2020-01-01' and "
     "'2021-01-01') group by u.id, u.name, u.country, r.total having count(*) > 1 order by 3 desc, 1 limit 50"},
};

catalog a_catalog() {
  catalog facts;
  for (catalog::oid id = 1; id <= 3300; ++id)
    facts.functions.push_back({id, "pg_catalog", "function_" + std::to_string(id / 2), 's', false});
  catalog::oid id = 5000;
  for (const auto* name : {"lower", "now", "count", "sum"})
    facts.functions.push_back({++id, "pg_catalog", name, 's', false});
  for (const auto* name : {"users", "orders", "logins", "pgbench_accounts"})
    facts.relations.push_back({++id, "public", name, 'r', 'p'});
  for (const auto* name : {"numeric", "interval"})
    facts.types.push_back({++id, "pg_catalog", name});
  for (const auto* name : {"=", "<>", "<", ">", "<=", ">=", "~~", "-"})
    facts.operators.push_back({"pg_catalog", name, 0});
  return facts;
}

TEST_CASE("bench: a classification" * doctest::skip()) {
  const read_rules rules(a_catalog(), {});
  for (const auto& [name, sql] : texts) {
    access_reader reader;
    std::string out;
    const auto access = reader.access_of(sql);
    const bool may = !rules.why_not(*access);
    std::printf(
        "%-10s %4zu bytes, %-8s in us: parse %5.2f, all of read_access %6.2f, scan %5.2f, normalize %6.2f, template "
        "%5.3f, "
        "known %5.3f, rules %5.3f; %zu bytes kept\n",
        name, sql.size(), may ? "read" : "primary", microseconds(5000, [&, s = &sql](int) { tree t(*s); }),
        microseconds(5000, [&, s = &sql](int) { read_access(*s); }),
        microseconds(5000, [&, s = &sql](int) { tokens t(*s); }),
        microseconds(5000, [s = &sql](int) { pg_query_free_normalize_result(pg_query_normalize(s->c_str())); }),
        microseconds(200000, [&, s = &sql](int) { make_sql_template(*s, out); }),
        microseconds(200000, [&, s = &sql](int) { reader.access_of(*s); }),
        microseconds(200000, [&](int) { rules.why_not(*access); }), access->bytes());
  }
  const auto facts = a_catalog();
  std::printf("rules of 3300 functions: %.0f us, %zu bytes\n", microseconds(20, [&](int) { read_rules r(facts, {}); }),
              rules.bytes());
}

}  // namespace
}  // namespace forebay
