#include "pool/statement.hpp"

#include <doctest/doctest.h>

#include <set>
#include <thread>
#include <vector>

namespace forebay {
namespace {

constexpr std::string_view none("\0\0", 2);
// Told apart by its mask.
sql_effects_ptr effects(effect::mask mask) {
  return std::make_shared<const sql_effects>(sql_effects{mask, {}});
}

constexpr std::string_view int4("\0\1\0\0\0\27", 6);

TEST_CASE("statement: one object per text and types") {
  const auto a = intern_statement("select $1", none, effects(5));
  CHECK(intern_statement("select $1", none, effects(5)) == a);
  CHECK(intern_statement("select $1", int4, effects(5)) != a);
  CHECK(intern_statement("select $2", none, effects(5)) != a);
  CHECK(intern_statement("select $1", none, effects(5), "otherwise") != a);
  CHECK(a->query == "select $1");
  CHECK(a->parameter_types == none);
  CHECK(a->effects->mask == 5);
}

TEST_CASE("statement: its name on servers") {
  const auto a = intern_statement("select 1", none, nullptr);
  CHECK(a->server_name.starts_with(statement_prefix));
  CHECK(a->server_name.size() == statement_prefix.size() + 32);
  CHECK(a->server_name.find_first_not_of("0123456789abcdef", statement_prefix.size()) == std::string::npos);
  // The border between text and types counts, and no byte of either ends anything.
  const std::vector<std::pair<std::string_view, std::string_view>> all = {
      {"select 1", none}, {"select 1", int4},         {"select 1\0", none},           {"", none},
      {none, ""},         {{"select 1\0\0", 10}, ""}, {{"select 1\0", 9}, {"\0", 1}}, {"1:a", none},
      {"a", "1:a"}};
  std::set<std::string> names;
  std::vector<statement_ptr> kept;
  for (const auto& [text, types] : all) {
    kept.push_back(intern_statement(text, types, nullptr));
    names.insert(kept.back()->server_name);
  }
  CHECK(names.size() == all.size() - 1);  // "select 1\0" ends at its zero byte here
}

TEST_CASE("statement: forgotten when nobody has it, the same name when it comes again") {
  std::weak_ptr<const statement> before;
  std::string name;
  {
    const auto a = intern_statement("select 'short life'", none, effects(1));
    before = a;
    name = a->server_name;
  }
  CHECK(before.expired());
  const auto again = intern_statement("select 'short life'", none, effects(2));
  CHECK(again->server_name == name);
  CHECK(again->effects->mask == 2);
}

TEST_CASE("statement: many that come and go, some that stay") {
  std::vector<statement_ptr> kept;
  for (int i = 0; i < 5000; ++i) {
    auto s = intern_statement("select " + std::to_string(i), none, nullptr);
    if (i % 100 == 0) kept.push_back(std::move(s));
  }
  for (int i = 0; i < 5000; i += 100)
    CHECK(intern_statement("select " + std::to_string(i), none, nullptr) == kept[i / 100]);
}

TEST_CASE("statement: all together take no more than they may") {
  const auto before = statement_bytes();
  const auto kept = intern_statement("kept", none, nullptr);
  limit_statements(statement_bytes() + 1000);
  CHECK_FALSE(intern_statement(std::string(1000, 'x'), none, nullptr));
  CHECK(intern_statement("kept", none, nullptr) == kept);
  {
    const auto fits = intern_statement(std::string(700, 'x'), none, nullptr);
    CHECK(fits);
    CHECK_FALSE(intern_statement(std::string(300, 'y'), none, nullptr));
  }
  CHECK(intern_statement(std::string(300, 'y'), none, nullptr));
  limit_statements(std::size_t{1} << 30);
  CHECK(statement_bytes() == before + 4 + none.size() + 256);
}

TEST_CASE("statement: the unnamed one is nobody else's") {
  const auto a = unnamed_statement("select 1", none, effects(3));
  CHECK(a->server_name.empty());
  CHECK(a->effects->mask == 3);
  CHECK(a != unnamed_statement("select 1", none, effects(3)));
}

TEST_CASE("statement: from many threads") {
  std::vector<std::thread> threads;
  std::vector<std::vector<statement_ptr>> found(4);
  for (auto& mine : found) {
    threads.emplace_back([&mine] {
      for (int i = 0; i < 1000; ++i) {
        mine.push_back(intern_statement("threads " + std::to_string(i % 300), none, nullptr));
        intern_statement("threads gone " + std::to_string(i), none, nullptr);
      }
    });
  }
  for (auto& t : threads)
    t.join();
  for (std::size_t i = 0; i < 1000; ++i)
    CHECK(found[0][i] == found[3][i]);
}

}  // namespace
}  // namespace forebay
