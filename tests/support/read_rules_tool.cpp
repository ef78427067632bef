#include <algorithm>
#include <chrono>
#include <iostream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "routing/access.hpp"
#include "routing/read_rules.hpp"

// Lets a test in another language ask the rules about a real database (tests/integration/test_read_rules.py).
//
//   read_rules_tool queries    what to run, in order: the beginning, the queries, the end; then the fingerprint's; each
//                              ends in a zero byte
//   read_rules_tool ask        reads records that end in \x1e, of fields that \x1f parts: the number of a query and a
//   row
//                              of it, or a question and a text; writes a line per text
//
// Questions: "?" whether it may be read on a replica: "read", or why not. "keep" whether its result may be kept: "kept"
// and what it depends on, or why not. "write" what it changes: "writes" and that, or "writes anything".
namespace {

using namespace forebay;

std::string words_of(const refusal& why) {
  return why.reason + (why.name.empty() ? "" : ' ' + why.name);
}

// By name, sorted as they come: those of users without their schema.
std::string names_of(const std::vector<catalog::oid>& ids, const catalog& facts) {
  std::set<std::string> names;
  for (const auto& r : facts.relations)
    if (std::find(ids.begin(), ids.end(), r.id) != ids.end())
      names.insert(r.schema == "public" ? r.name : r.schema + '.' + r.name);
  std::string all;
  for (const auto& name : names)
    all += ' ' + name;
  return all;
}

std::string answer(const std::string& question, const std::string& text, const read_rules& rules,
                   const catalog& facts) {
  const auto access = *access_reader().writes_of(text);
  if (question == "keep") {
    if (const auto refused = rules.caching().why_not(access)) return words_of(*refused);
    return "kept" + names_of(rules.caching().depends_on(access), facts);
  }
  if (question == "write") {
    const auto written = rules.caching().written_by(access);
    return "writes" + (written ? names_of(*written, facts) : " anything");
  }
  const auto refused = rules.why_not(read_access(text));
  return refused ? words_of(*refused) : "read";
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view what = count == 2 ? arguments[1] : "";
  if (what == "queries") {
    std::cout << catalog_begin << '\0';
    for (const auto& query : catalog_queries)
      std::cout << query.sql << '\0';
    std::cout << catalog_end << '\0' << catalog_fingerprint << '\0';
    return 0;
  }
  if (what != "ask") return 2;
  catalog facts;
  std::vector<std::pair<std::string, std::string>> texts;
  const std::string input{std::istreambuf_iterator<char>(std::cin), {}};
  for (std::size_t at = 0; at < input.size();) {
    const auto end = input.find('\x1e', at);
    if (end == input.npos) return 2;
    std::vector<std::string> fields(1);
    for (; at < end; ++at)
      if (input[at] == '\x1f')
        fields.emplace_back();
      else
        fields.back() += input[at];
    at = end + 1;
    const auto first = fields.front();
    fields.erase(fields.begin());
    if (first == "?" || first == "keep" || first == "write") {
      texts.emplace_back(first, fields.at(0));
    } else if (!facts.add(std::stoul(first), fields)) {
      std::cerr << "a row of query " << first << " is refused\n";
      return 1;
    }
  }
  const auto begun = std::chrono::steady_clock::now();
  const read_rules rules(facts, {});
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begun;
  for (const auto& [question, text] : texts)
    std::cout << answer(question, text, rules, facts) << '\n';
  std::cerr << rules.bytes() << " bytes of rules, " << rules.caching().bytes() << " of these about caching, made in "
            << took.count() << " ms\n";
}
