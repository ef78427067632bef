#include "pool/statement.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <unordered_map>

namespace forebay {
namespace {

std::string server_name_for(std::string_view query, std::string_view parameter_types, std::string_view reading) {
  std::string whole = std::to_string(query.size()) + ':' + std::to_string(parameter_types.size()) + ':';
  whole.append(query).append(parameter_types).append(reading);
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

// What a statement takes besides its text, about: the object, its name, its places in tables.
constexpr std::size_t overhead = 256;
std::atomic<std::size_t> bytes_used{0};
std::atomic<std::size_t> bytes_allowed{std::size_t{1} << 30};

std::size_t size_of(const statement& s) {
  return s.query.size() + s.parameter_types.size() + s.reading.size() + overhead;
}

struct counted_end {
  void operator()(const statement* s) const {
    bytes_used -= size_of(*s);
    delete s;
  }
};

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

statement_ptr intern_statement(std::string_view query, std::string_view parameter_types, sql_effects_ptr effects,
                               std::string_view reading) {
  auto name = server_name_for(query, parameter_types, reading);
  auto& statements = table();
  const std::lock_guard lock(statements.mutex);
  if (const auto known = statements.by_name.find(name); known != statements.by_name.end()) {
    if (auto s = known->second.lock()) return s;
  }
  auto fresh = std::make_unique<const statement>(
      statement{name, std::string(query), std::string(parameter_types), std::move(effects), std::string(reading)});
  if (bytes_used + size_of(*fresh) > bytes_allowed) return nullptr;
  bytes_used += size_of(*fresh);
  const std::shared_ptr<const statement> made(fresh.release(), counted_end());
  statements.by_name[std::move(name)] = made;
  if (statements.by_name.size() >= statements.sweep_at) {
    std::erase_if(statements.by_name, [](const auto& item) { return item.second.expired(); });
    statements.sweep_at = std::max<std::size_t>(256, statements.by_name.size() * 2);
  }
  return made;
}

void limit_statements(std::size_t bytes) {
  bytes_allowed = bytes;
}

std::size_t statement_bytes() {
  return bytes_used;
}

statement_ptr unnamed_statement(std::string_view query, std::string_view parameter_types, sql_effects_ptr effects,
                                std::string reading) {
  return std::make_shared<const statement>(
      statement{{}, std::string(query), std::string(parameter_types), std::move(effects), std::move(reading)});
}

}  // namespace forebay
