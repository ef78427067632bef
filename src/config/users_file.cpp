#include "config/users_file.hpp"

#include <algorithm>
#include <optional>
#include <span>

#include "config/notation.hpp"

namespace forebay::config {
namespace {

// One line, read from the left.
struct line_cursor {
  std::string_view text;
  std::size_t at = 0;

  void skip_blanks() { at = std::min(text.find_first_not_of(" \t", at), text.size()); }

  std::optional<std::string> quoted_field() {
    skip_blanks();
    if (at >= text.size() || text[at] != '"') return {};
    std::string field;
    for (auto i = at + 1; i < text.size(); ++i) {
      if (text[i] != '"') {
        field += text[i];
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        field += text[i++];
      } else {
        at = i + 1;
        return field;
      }
    }
    return {};
  }
};

// The first `own` users are those of the configuration file, which a line may complete.
void read_line(line_cursor line, std::uint32_t number, const std::string& source, std::size_t own, settings& into,
               report& out) {
  const auto list = path{} / "user";
  const auto place_here = [&] { return place{number, static_cast<std::uint32_t>(line.at + 1)}; };
  line.skip_blanks();
  if (line.at == line.text.size() || line.text[line.at] == ';' || line.text[line.at] == '#') return;
  const path syntax{"user", source};
  out.locate(syntax, place_here(), source);
  auto name = line.quoted_field();
  if (!name) return out.error(syntax, R"(wanted a name in quotes, as in "app" "password")");

  line.skip_blanks();
  const auto password_at = place_here();
  out.locate(syntax, password_at, source);
  auto password = line.quoted_field();
  if (!password) return out.error(syntax, "wanted a password or a secret in quotes after the name");

  const bool secret = looks_like_secret(*password);
  const auto candidates = std::span(into.users).first(own);
  const auto known = std::ranges::find(candidates, *name, &user::name);
  const bool completes = known != candidates.end() && known->password.empty() && known->secret.empty();
  const auto index = completes ? static_cast<std::size_t>(known - candidates.begin()) : into.users.size();
  if (!completes) {
    out.locate(list[index], {number, 1}, source);
    if (const auto complaint = complain_name(*name); !complaint.empty()) out.error(list[index] / "name", complaint);
    into.users.emplace_back().name = std::move(*name);
  }
  const auto where = list[index] / (secret ? "secret" : "password");
  out.locate(where, password_at, source);
  if (password->find('\0') != password->npos) out.error(where, "a zero byte is not allowed");
  if (const auto complaint = secret ? complain_secret(*password) : ""; !complaint.empty()) out.error(where, complaint);
  (secret ? into.users[index].secret : into.users[index].password.text) = std::move(*password);
}

}  // namespace

void read_users(std::string_view text, const std::string& source, settings& into, report& out) {
  const auto own = into.users.size();
  for (std::uint32_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    read_line({line}, number, source, own, into, out);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace forebay::config
