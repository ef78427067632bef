#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "routing/catalog.hpp"

// What is said against single objects of a catalog, and against all that use these.
namespace forebay {

struct refusal {
  const char* reason;  // static: "volatile function", "temporary relation" ...
  std::string name;    // what it is about: "public.f"

  bool operator==(const refusal&) const = default;
};

using catalog_object = std::uint64_t;  // its kind as catalog::use has it, and its oid
inline catalog_object object_of(char kind, catalog::oid id) {
  return static_cast<catalog_object>(kind) << 32 | id;
}

using catalog_users = std::unordered_map<catalog_object, std::vector<catalog_object>>;  // by what they use
catalog_users users_in(const catalog& facts);

std::string full_name(const std::string& schema, const std::string& name);
bool is_systems_schema(const std::string& schema);

//   judge() and set_free() each object, spread(), then ask of()
class verdicts {
 public:
  void judge(char kind, catalog::oid id, const std::string& schema, const std::string& name, const char* reason);
  void set_free(char kind, catalog::oid id) { free_.insert(object_of(kind, id)); }  // whatever it uses
  void spread(const catalog_users& users);

  // Null: nothing.
  const refusal* of(char kind, catalog::oid id) const {
    const auto found = refused_.find(object_of(kind, id));
    return found == refused_.end() ? nullptr : &found->second;
  }

 private:
  std::unordered_map<catalog_object, refusal> refused_;
  std::unordered_set<catalog_object> free_;
  std::vector<catalog_object> fresh_;  // whose users are not told yet
};

}  // namespace forebay
