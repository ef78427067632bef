#include "admin/result.hpp"

#include "protocol/wire/rows.hpp"

namespace forebay::admin {
namespace {

struct wire_type {
  std::uint32_t oid;
  std::int16_t size;
};

wire_type type_of(column_type type) {
  switch (type) {
    case column_type::int4:
      return {23, 4};
    case column_type::int8:
      return {20, 8};
    case column_type::text:
      break;
  }
  return {25, -1};
}

std::uint16_t format_of(const formats& how, std::size_t index) {
  if (how.empty()) return 0;
  return how.size() == 1 ? how.front() : how[index];
}

std::int64_t fitting(std::int64_t n, column_type type) {
  if (type != column_type::int4) return n;
  return std::clamp<std::int64_t>(n, INT32_MIN, INT32_MAX);
}

std::string big_endian(std::int64_t n, std::int16_t size) {
  std::string bytes;
  for (int i = size - 1; i >= 0; --i)
    bytes += static_cast<char>(static_cast<std::uint64_t>(n) >> (8 * i));
  return bytes;
}

std::optional<std::string> value_of(const cell& c, column_type type, bool binary) {
  if (const auto* text = std::get_if<std::string>(&c)) return *text;
  const auto* n = std::get_if<std::int64_t>(&c);
  if (!n) return std::nullopt;
  const auto fit = fitting(*n, type);
  return binary && type != column_type::text ? big_endian(fit, type_of(type).size) : std::to_string(fit);
}

}  // namespace

void append_row_description(wire::writer& w, columns shown, const formats& how) {
  wire::row_description message;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const auto [oid, size] = type_of(shown[i].type);
    wire::row_description::field field;
    field.name = shown[i].name;
    field.type_oid = oid;
    field.type_size = size;
    field.format = format_of(how, i);
    message.fields.push_back(field);
  }
  message.encode(w);
}

void append_rows(wire::writer& w, columns shown, std::span<const row> rows, const formats& how) {
  for (const auto& r : rows) {
    std::vector<std::optional<std::string>> values;
    for (std::size_t i = 0; i < shown.size(); ++i) {
      values.push_back(i < r.size() ? value_of(r[i], shown[i].type, format_of(how, i) == 1) : std::nullopt);
    }
    wire::data_row message;
    message.values.assign(values.begin(), values.end());
    message.encode(w);
  }
}

void append_notice(wire::writer& w, std::string_view message, std::string_view detail) {
  wire::notice_response notice;
  notice.fields = {{'S', "NOTICE"}, {'V', "NOTICE"}, {'C', "00000"}, {'M', message}};
  if (!detail.empty()) notice.fields.emplace_back('D', detail);
  notice.encode(w);
}

}  // namespace forebay::admin
