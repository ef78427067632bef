#include "session/cache_request.hpp"

#include <algorithm>

#include "cache/key_fields.hpp"
#include "protocol/wire/extended.hpp"
#include "protocol/wire/query.hpp"
#include "routing/sql_scan.hpp"

namespace forebay {
namespace {

// Nearly all texts that no result answers are told by their first letter.
bool may_read(std::string_view text) {
  static constexpr std::string_view beginnings = "SsWwVvTt(/-";  // select, with, values, table, or what is before them
  const auto at = text.find_first_not_of(" \t\r\n\f\v;");
  return at != text.npos && beginnings.find(text[at]) != beginnings.npos;
}

// The messages of a batch in their order; each may be there once, or not at all.
class batch_reader {
 public:
  batch_reader(cache_request& found, const client_state& client) : found_(found), client_(client) {}

  // False: no result answers this.
  bool add(const wire::piece& p) {
    if (!p.whole()) return false;
    switch (p.type) {
      case wire::parse::type:
        return advance(step::parse) && on_parse(p.body());
      case wire::bind::type:
        return advance(step::bind) && on_bind(p.body());
      case wire::describe::type:
        return advance(step::describe) && on_describe(p.body());
      case wire::execute::type:
        return advance(step::execute) && on_execute(p.body());
      default:
        return false;
    }
  }
  bool complete() const { return at_ == step::execute && bound_; }

 private:
  enum class step : std::uint8_t { none, parse, bind, describe, execute };

  bool advance(step to) {
    const bool later = to > at_;
    at_ = to;
    return later;
  }

  bool on_parse(std::string_view body) {
    const auto m = wire::parse::decode(body);
    if (!m || !m->name.empty()) return false;
    found_.parses = true;
    found_.text = m->query;
    found_.types = m->parameter_types;
    return may_read(m->query);
  }

  bool on_bind(std::string_view body) {
    const auto m = wire::bind_names::decode_front(body);
    if (!m || !m->portal.empty()) return false;
    bound_ = true;
    found_.arguments = m->rest;
    if (found_.parses) return m->statement.empty();
    found_.statement = client_.find_statement(m->statement);
    if (!found_.statement || found_.statement->effects || !may_read(found_.statement->query)) return false;
    found_.text = found_.statement->query;
    found_.types = found_.statement->parameter_types;
    return true;
  }

  bool on_describe(std::string_view body) {
    const auto m = wire::describe::decode(body);
    found_.describes = true;
    return bound_ && m && m->kind == 'P' && m->name.empty();
  }

  bool on_execute(std::string_view body) const {
    const auto m = wire::execute::decode(body);
    return bound_ && m && m->portal.empty() && m->max_rows == 0;
  }

  cache_request& found_;
  const client_state& client_;
  step at_ = step::none;
  bool bound_ = false;
};

}  // namespace

std::optional<cache_request> cache_request::of(const wire::piece& first, wire::framer framer, std::string_view rest,
                                               const client_state& client) {
  if (!first.whole()) return std::nullopt;
  cache_request found;
  if (first.type == wire::query::type) {
    found.simple = true;
    found.text = up_to_nul(first.body());
    return may_read(found.text) ? std::optional(std::move(found)) : std::nullopt;
  }
  batch_reader batch(found, client);
  if (!batch.add(first)) return std::nullopt;
  while (true) {
    const auto next = framer.next(rest);
    if (!next || !*next) return std::nullopt;
    if ((*next)->type == wire::sync::type) break;
    if (!batch.add(**next)) return std::nullopt;
  }
  return batch.complete() ? std::optional(std::move(found)) : std::nullopt;
}

void cache_request::write_key(std::string_view scope, std::string& out) const {
  out.assign(1, simple ? 'Q' : describes ? 'D' : 'E');
  const auto statement = text.substr(skip_space_and_comments(text, 0));  // hints, and what tells where it came from
  for (const auto field : {scope, statement, types, arguments})
    add_key_field(out, field);
}

bool cache_request::takes_times() const {
  for (auto left = types.substr(std::min<std::size_t>(types.size(), 2)); left.size() >= 4; left.remove_prefix(4)) {
    std::uint32_t type = 0;
    for (const char byte : left.substr(0, 4))
      type = type << 8 | static_cast<unsigned char>(byte);
    if (type == 1083 || type == 1183 || type == 1266 || type == 1270) return true;  // time, timetz, their arrays
  }
  return false;
}

cache_request::described cache_request::describe(std::string_view key) {
  described found;
  key.remove_prefix(std::min<std::size_t>(key.size(), 1));
  auto scope = take_key_field(key);
  found.text = take_key_field(key);
  found.cluster = take_key_field(scope);
  found.database = take_key_field(scope);
  take_key_field(scope);
  found.user = take_key_field(scope);
  return found;
}

// Query: RowDescription DataRow* CommandComplete ReadyForQuery. Else BindComplete, RowDescription where it was asked
// for, and the same.
cacheable_reply cacheable_reply::of(std::string_view reply, const cache_request& asked) {
  cacheable_reply found;
  std::string order;
  bool idle = false;
  std::string_view kept = reply;
  wire::for_each_piece({}, reply, [&](const wire::piece& p) {
    if (!p.first) return;
    if (p.type == 'D' && order.ends_with('D')) {
      ++found.rows;
      return;
    }
    if (p.type == 'D') ++found.rows;
    if (p.type == wire::parse_complete::type && order.empty() && asked.parses) {
      kept.remove_prefix(p.raw.size());
      order += 'P';
      return;
    }
    if (p.type == 'Z') idle = p.whole() && p.body() == "I";
    order += p.type;
  });
  std::string wanted = asked.simple ? "T" : asked.parses ? "P2" : "2";
  if (asked.describes) wanted += 'T';
  if (found.rows != 0) wanted += 'D';
  wanted += "CZ";
  if (idle && order == wanted) found.bytes = kept;
  return found;
}

}  // namespace forebay
