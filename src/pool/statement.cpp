#include "pool/statement.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <unordered_map>

namespace forebay {
namespace {

std::string server_name_for(std::string_view query, std::string_view parameter_types) {
  std::string whole = std::to_string(query.size()) + ':';
  whole.append(query).append(parameter_types);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(whole.data()), whole.size(), digest.data());
  static constexpr char hex[] = "0123456789abcdef";
  std::string name(statement_prefix);
  for (std::size_t i = 0; i < 16; ++i) {
    name += hex[digest[i] >> 4];
    name += hex[digest[i] & 15];
  }
  return name;
}

struct statement_table {
  std::mutex mutex;
  std::unordered_map<std::string, std::weak_ptr<const statement>> by_name;
  std::size_t sweep_at = 256;
};

statement_table& table() {
  static statement_table instance;
  return instance;
}

}  // namespace

statement_ptr intern_statement(std::string_view query, std::string_view parameter_types, sql_effects_ptr effects) {
  auto name = server_name_for(query, parameter_types);
  auto& statements = table();
  const std::lock_guard lock(statements.mutex);
  auto& slot = statements.by_name[name];
  if (auto known = slot.lock()) return known;
  auto made = std::make_shared<const statement>(
      statement{std::move(name), std::string(query), std::string(parameter_types), std::move(effects)});
  slot = made;
  if (statements.by_name.size() >= statements.sweep_at) {
    std::erase_if(statements.by_name, [](const auto& item) { return item.second.expired(); });
    statements.sweep_at = std::max<std::size_t>(256, statements.by_name.size() * 2);
  }
  return made;
}

statement_ptr unnamed_statement(std::string_view query, std::string_view parameter_types, sql_effects_ptr effects) {
  return std::make_shared<const statement>(
      statement{{}, std::string(query), std::string(parameter_types), std::move(effects)});
}

}  // namespace forebay
