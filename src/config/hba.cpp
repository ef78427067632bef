#include "config/hba.hpp"

#include <algorithm>

namespace forebay::config {
namespace {

enum class answer : std::uint8_t { no, maybe, yes };

bool is_group(const hba_word& word) {
  return !word.quoted && !word.pattern && word.text.starts_with('+');
}

bool is_samerole(const hba_word& word) {
  return word.is("samerole") || word.is("samegroup");
}

// A role is a member of itself.
answer is_member(std::string_view user, std::string_view group, const std::vector<std::string>* groups) {
  if (user == group) return answer::yes;
  if (!groups) return answer::maybe;
  return std::ranges::find(*groups, group) != groups->end() ? answer::yes : answer::no;
}

answer match_user(const hba_word& word, const hba_client& who) {
  if (is_group(word)) return is_member(who.user, std::string_view(word.text).substr(1), who.groups);
  return word.is("all") || word.matches(who.user) ? answer::yes : answer::no;
}

answer match_database(const hba_word& word, const hba_client& who) {
  // As PostgreSQL: a connection for physical replication has no database, so only the keyword is for it.
  if (who.physical_replication) return word.is("replication") ? answer::yes : answer::no;
  if (word.is("replication")) return answer::no;
  if (word.is("all")) return answer::yes;
  if (word.is("sameuser")) return who.database == who.user ? answer::yes : answer::no;
  if (is_samerole(word)) return is_member(who.user, who.database, who.groups);
  return word.matches(who.database) ? answer::yes : answer::no;
}

template <class Match>
answer any_of(const std::vector<hba_word>& words, const hba_client& who, Match match) {
  auto best = answer::no;
  for (const auto& word : words)
    best = std::max(best, match(word, who));
  return best;
}

bool match_connection(const hba_rule& rule, const hba_client& who) {
  using connection = hba_rule::connection;
  if ((rule.type == connection::local) != (who.address.size == 0)) return false;
  if (rule.type == connection::hostssl && !who.tls) return false;
  if (rule.type == connection::hostnossl && who.tls) return false;
  return rule.type != connection::hostgssenc;  // no client has that
}

bool match_origin(const hba_rule& rule, const hba_client& who) {
  using origin = hba_rule::origin;
  switch (rule.from) {
    case origin::any:
      return true;
    case origin::network:
      return rule.network.contains(who.address);
    case origin::samehost: {
      const auto own = who.own_addresses ? who.own_addresses() : std::vector<ip_address>();
      return std::ranges::find(own, who.address) != own.end();
    }
    case origin::samenet: {
      const auto own = who.own_networks ? who.own_networks() : std::vector<ip_network>();
      return std::ranges::any_of(own, [&](const ip_network& each) { return each.contains(who.address); });
    }
  }
  return false;
}

std::string_view text_of(const std::csub_match& found) {
  return {found.first, static_cast<std::size_t>(found.length())};
}

// The user that this line makes of a system user; nothing: the line is not for that one.
bool maps(const ident_mapping& line, std::string_view system_user, std::string_view user,
          const std::vector<std::string>* groups) {
  auto wanted = line.user.text;
  if (line.system_user.pattern) {
    std::cmatch found;
    if (!std::regex_search(system_user.data(), system_user.data() + system_user.size(), found,
                           *line.system_user.pattern))
      return false;
    if (const auto at = wanted.find("\\1"); at != wanted.npos && !line.user.pattern) {
      if (found.size() < 2) return false;
      wanted.replace(at, 2, text_of(found[1]));
      return wanted == user;  // whatever it looks like now, it is a name
    }
  } else if (line.system_user.text != system_user) {
    return false;
  }
  if (line.user.is("all")) return true;
  if (is_group(line.user)) return is_member(user, std::string_view(wanted).substr(1), groups) == answer::yes;
  return line.user.matches(user);
}

}  // namespace

bool hba_word::matches(std::string_view name) const {
  return pattern ? std::regex_search(name.begin(), name.end(), *pattern) : text == name;
}

bool access_rules::ask_for_groups() const {
  return std::ranges::any_of(rules,
                             [](const hba_rule& r) {
                               return std::ranges::any_of(r.users, is_group) ||
                                      std::ranges::any_of(r.databases, is_samerole);
                             }) ||
         std::ranges::any_of(maps, [](const ident_mapping& m) { return is_group(m.user); });
}

access_rules::verdict access_rules::find(const hba_client& who) const {
  for (const auto& rule : rules) {
    if (!match_connection(rule, who) || !match_origin(rule, who)) continue;
    const auto match = std::min(any_of(rule.databases, who, match_database), any_of(rule.users, who, match_user));
    if (match != answer::no) return {&rule, match == answer::maybe};
  }
  return {};
}

bool access_rules::may_be(const std::string& map, std::string_view system_user, std::string_view user,
                          const std::vector<std::string>* groups) const {
  if (map.empty()) return system_user == user;
  return std::ranges::any_of(maps, [&](const ident_mapping& line) {
    return line.map == map && forebay::config::maps(line, system_user, user, groups);
  });
}

}  // namespace forebay::config
