#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "routing/access.hpp"
#include "routing/read_rules.hpp"

// Lets a test in another language ask the rules about a real database (tests/integration/test_read_rules.py).
//
//   read_rules_tool queries    what to run, in order: the beginning, the queries, the end; then the fingerprint's; each
//                              ends in a zero byte
//   read_rules_tool ask        reads records that end in \x1e, of fields that \x1f parts: the number of a query and a
//   row
//                              of it, or "?" and a text; writes a line per text: "read", or why not
int main(int count, char** arguments) {
  using namespace forebay;
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
  std::vector<std::string> texts;
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
    if (first == "?") {
      texts.push_back(fields.at(0));
    } else if (!facts.add(std::stoul(first), fields)) {
      std::cerr << "a row of query " << first << " is refused\n";
      return 1;
    }
  }
  const read_rules rules(facts, {});
  for (const auto& text : texts) {
    const auto refused = rules.why_not(read_access(text));
    std::cout << (refused ? refused->reason + (refused->name.empty() ? "" : ' ' + refused->name) : "read") << '\n';
  }
  std::cerr << rules.bytes() << " bytes of rules\n";
}
