#include "core/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>

#include "core/utf8.hpp"

namespace forebay {
namespace {

std::atomic<bool> json_lines{false};
std::atomic<int> threshold{static_cast<int>(log_level::info)};

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("forebay", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_level(spdlog::level::trace);
    made->flush_on(spdlog::level::trace);
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    return made;
  }();
  return *instance;
}

spdlog::level::level_enum to_spdlog(log_level level) {
  switch (level) {
    case log_level::debug:
      return spdlog::level::debug;
    case log_level::info:
      return spdlog::level::info;
    case log_level::warning:
      return spdlog::level::warn;
    default:
      return spdlog::level::err;
  }
}

// The value as a JSON string body; also keeps control characters of a hostile client out of text lines.
void append_escaped(std::string& out, std::string_view value) {
  static constexpr char hex[] = "0123456789abcdef";
  for (; !value.empty(); value.remove_prefix(1)) {
    const char c = value.front();
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) {
      const auto size = utf8_size(value);
      out += size == 0 ? std::string_view("\\ufffd") : value.substr(0, size);
      if (size != 0) value.remove_prefix(size - 1);
      continue;
    }
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
}

void append_quoted(std::string& out, std::string_view value) {
  out += '"';
  append_escaped(out, value);
  out += '"';
}

bool is_plain(std::string_view value) {
  if (value.empty()) return false;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || c == '"' || c == '\\' || c == '=') return false;
  }
  return true;
}

std::string text_line(std::string_view event, std::initializer_list<log_field> fields) {
  std::string line(event);
  for (const auto& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    if (is_plain(field.value)) {
      line += field.value;
    } else {
      append_quoted(line, field.value);
    }
  }
  return line;
}

std::string json_line(std::string_view event, std::initializer_list<log_field> fields) {
  std::string line = "\"event\":";
  append_quoted(line, event);
  for (const auto& field : fields) {
    line += ",\"";
    line += field.key;
    line += "\":";
    append_quoted(line, field.value);
  }
  return line;
}

}  // namespace

void log_setup(std::string_view level, bool json) {
  json_lines = json;
  logger().set_pattern(json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})" : "%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  auto wanted = log_level::info;
  if (level == "debug") wanted = log_level::debug;
  if (level == "warning") wanted = log_level::warning;
  if (level == "error") wanted = log_level::error;
  if (level == "off") wanted = log_level::off;
  threshold = static_cast<int>(wanted);
}

bool log_enabled(log_level level) {
  return static_cast<int>(level) >= threshold.load(std::memory_order_relaxed);
}

void log_event(log_level level, std::string_view event, std::initializer_list<log_field> fields) {
  if (!log_enabled(level)) return;
  const auto line = json_lines ? json_line(event, fields) : text_line(event, fields);
  logger().log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace forebay
