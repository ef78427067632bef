#include "routing/syntax.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/parameters.hpp"
#include "routing/sql_scan.hpp"

namespace forebay {

tree::tree(const std::string& text) {
  auto result = pg_query_parse_protobuf(text.c_str());
  if (!result.error) {
    root_ = pg_query__parse_result__unpack(nullptr, result.parse_tree.len,
                                           reinterpret_cast<const std::uint8_t*>(result.parse_tree.data));
  }
  pg_query_free_protobuf_parse_result(result);
}

tokens::tokens(const std::string& text) {
  const auto scanned = pg_query_scan(text.c_str());
  if (!scanned.error) {
    all_ = pg_query__scan_result__unpack(nullptr, scanned.pbuf.len,
                                         reinterpret_cast<const std::uint8_t*>(scanned.pbuf.data));
  }
  pg_query_free_scan_result(scanned);
}

bool is_transaction_mode(std::string_view setting) {
  return same_name(setting, "transaction_isolation") || same_name(setting, "transaction_read_only") ||
         same_name(setting, "transaction_deferrable");
}

bool may_be_parsed(const std::string& text) {
  return text.size() <= max_parsed_text && nesting_bound(text) <= max_nesting;
}

std::size_t nesting_bound(const std::string& text) {
  if (text.size() <= max_nesting) return text.size();  // no token is shorter than a byte
  const tokens all(text);
  if (!all) return text.size();
  // What commas, ANDs and ORs part are siblings: the parser makes lists of them. All other tokens since the last of
  // those may be within each other, and so may those that join what is on both their sides, however far apart.
  std::size_t deepest = 0, depth = 0, base = 0;
  std::vector<std::size_t> around;  // the base outside each parenthesis that is open
  for (std::size_t i = 0; i < all.size(); ++i) {
    switch (all[i].token) {
      case PG_QUERY__TOKEN__ASCII_40:  // (
      case PG_QUERY__TOKEN__ASCII_91:  // [
        around.push_back(base);
        base = ++depth;
        break;
      case PG_QUERY__TOKEN__ASCII_41:  // )
      case PG_QUERY__TOKEN__ASCII_93:  // ]
        depth = base;
        if (around.empty()) break;
        base = around.back();
        around.pop_back();
        break;
      case PG_QUERY__TOKEN__ASCII_44:  // ,
      case PG_QUERY__TOKEN__AND:
      case PG_QUERY__TOKEN__OR:
        depth = base;
        break;
      case PG_QUERY__TOKEN__JOIN:
      case PG_QUERY__TOKEN__UNION:
      case PG_QUERY__TOKEN__INTERSECT:
      case PG_QUERY__TOKEN__EXCEPT:
      case PG_QUERY__TOKEN__CASE:
      case PG_QUERY__TOKEN__BETWEEN:
        ++base;
        ++depth;
        break;
      case PG_QUERY__TOKEN__SQL_COMMENT:
      case PG_QUERY__TOKEN__C_COMMENT:
        break;
      case PG_QUERY__TOKEN__ASCII_59:  // ;
        if (around.empty()) depth = base = 0;
        break;
      default:
        ++depth;
    }
    deepest = std::max(deepest, depth);
  }
  return deepest;
}

}  // namespace forebay
