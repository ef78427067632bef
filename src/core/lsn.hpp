#pragma once

#include <charconv>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace forebay {

// A position in the write-ahead log (PostgreSQL manual, "pg_lsn Type"); zero comes before all.
struct lsn {
  std::uint64_t position = 0;

  auto operator<=>(const lsn&) const = default;  // NOLINT(modernize-use-nullptr): of clang-tidy 14

  std::string text() const {
    constexpr std::string_view digits = "0123456789ABCDEF";
    const auto hex = [&](std::uint32_t part) {
      std::string out;
      for (int shift = 28; shift >= 0; shift -= 4)
        if (const auto digit = part >> shift & 15; digit != 0 || !out.empty() || shift == 0) out += digits[digit];
      return out;
    };
    return hex(static_cast<std::uint32_t>(position >> 32)) + '/' + hex(static_cast<std::uint32_t>(position));
  }

  // "16/B374D848"
  static std::optional<lsn> parse(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == text.npos) return std::nullopt;
    std::uint32_t high = 0, low = 0;
    const auto read = [](std::string_view part, std::uint32_t& into) {
      const auto* end = part.data() + part.size();
      const auto [at, ec] = std::from_chars(part.data(), end, into, 16);
      return ec == std::errc{} && at == end;
    };
    if (!read(text.substr(0, slash), high) || !read(text.substr(slash + 1), low)) return std::nullopt;
    return lsn{std::uint64_t{high} << 32 | low};
  }
};

}  // namespace forebay
