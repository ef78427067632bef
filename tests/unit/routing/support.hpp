#pragma once

#include <string>
#include <vector>

#include "core/sql_access.hpp"

// Verdicts as text, for tables of them.
namespace forebay {

inline std::string modes_of(const transaction_modes& m) {
  static constexpr const char* levels[] = {" read uncommitted", " read committed", " repeatable read", " serializable"};
  std::string text;
  if (m.isolation) text += levels[static_cast<int>(*m.isolation)];
  if (m.read_only) text += *m.read_only ? " read only" : " read write";
  if (m.deferrable) text += *m.deferrable ? " deferrable" : " not deferrable";
  return text;
}

// "read f:now,s.f r:t": functions, relations, (c) names of a WITH, operators, types, attributes.
inline std::string words_of(const sql_access& a) {
  static constexpr const char* kinds[] = {"primary",
                                          "read",
                                          "cursor",
                                          "prepare",
                                          "execute",
                                          "deallocate",
                                          "begin",
                                          "set transaction",
                                          "set characteristics",
                                          "commit",
                                          "rollback",
                                          "savepoint",
                                          "set",
                                          "show"};
  std::string text = kinds[static_cast<int>(a.what)];
  if (a.what == sql_access::kind::primary) return text + ": " + a.reason;
  if (!a.name.empty()) text += ' ' + a.name;
  if (a.chain) text += " chain";
  if (a.local) text += " local";
  text += modes_of(a.modes);
  const auto add = [&](const char* what, const std::vector<sql_name>& names) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      text += i == 0 ? std::string(" ") + what + ':' : ",";
      if (!names[i].schema.empty()) text += names[i].schema + '.';
      text += names[i].name;
    }
  };
  add("f", a.functions);
  add("r", a.relations);
  add("c", a.cte_or_relations);
  add("o", a.operators);
  add("t", a.types);
  std::vector<sql_name> attributes;
  for (const auto& name : a.attributes)
    attributes.push_back({"", name});
  add("a", attributes);
  return text;
}

}  // namespace forebay
