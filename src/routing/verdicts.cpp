#include "routing/verdicts.hpp"

namespace forebay {

catalog_users users_in(const catalog& facts) {
  catalog_users users;
  for (const auto& u : facts.uses)
    users[object_of(u.used_kind, u.used)].push_back(object_of(u.user_kind, u.user));
  return users;
}

std::string full_name(const std::string& schema, const std::string& name) {
  return schema.empty() ? name : schema + '.' + name;
}

bool is_systems_schema(const std::string& schema) {
  return schema == "pg_catalog" || schema == "information_schema" || schema == "pg_toast";
}

void verdicts::judge(char kind, catalog::oid id, const std::string& schema, const std::string& name,
                     const char* reason) {
  if (!reason) return;
  refused_.emplace(object_of(kind, id), refusal{reason, full_name(schema, name)});
  fresh_.push_back(object_of(kind, id));
}

void verdicts::spread(const catalog_users& users) {
  while (!fresh_.empty()) {
    const auto used = fresh_.back();
    fresh_.pop_back();
    const auto found = users.find(used);
    if (found == users.end()) continue;
    const auto why = refused_.at(used);
    for (const auto user : found->second)
      if (!free_.contains(user) && refused_.emplace(user, why).second) fresh_.push_back(user);
  }
}

}  // namespace forebay
