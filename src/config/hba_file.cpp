#include "config/hba_file.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <span>

#include "config/hba_tokens.hpp"
#include "config/notation.hpp"
#include "config/pattern.hpp"

namespace forebay::config {
namespace {

constexpr std::string_view hba_key = "hba_file", ident_key = "ident_file";

using connection = hba_rule::connection;
using origin = hba_rule::origin;

constexpr std::array<std::string_view, 6> connections{"local",     "host",       "hostssl",
                                                      "hostnossl", "hostgssenc", "hostnogssenc"};

struct named_method {
  std::string_view name;
  login_method method;
};
constexpr std::array<named_method, 8> methods{{{"trust", login_method::trust},
                                               {"reject", login_method::reject},
                                               {"password", login_method::plain},
                                               {"md5", login_method::md5},
                                               {"scram-sha-256", login_method::scram_sha_256},
                                               {"peer", login_method::peer},
                                               {"ident", login_method::peer},  // as PostgreSQL, on `local` lines
                                               {"cert", login_method::cert}}};
constexpr std::array<std::string_view, 8> other_methods{"gss", "sspi", "ldap", "radius", "pam", "bsd", "oauth", "krb5"};

// Reads the fields of one line from the left; the first mistake ends the line.
class rule_reader {
 public:
  rule_reader(std::string_view key, const hba_line& line, report& out) : key_(key), line_(line), out_(out) {}

  std::optional<hba_rule> rule() {
    hba_rule made;
    made.place = std::filesystem::path(line_.file).filename().string() + ":" + std::to_string(line_.number);
    const bool good = read_connection(made) && read_words("database", made.databases) &&
                      read_words("user", made.users) && (made.type == connection::local || read_origin(made)) &&
                      read_method(made) && read_options(made);
    return good ? std::optional(std::move(made)) : std::nullopt;
  }

  std::optional<ident_mapping> mapping() {
    ident_mapping made;
    made.place = std::filesystem::path(line_.file).filename().string() + ":" + std::to_string(line_.number);
    const auto* map = one("a map's name");
    const auto* system_user = map ? one("the name of a user of the operating system") : nullptr;
    const auto* user = system_user ? one("the name of a user of the database") : nullptr;
    if (!user) return std::nullopt;
    if (at_ < line_.fields.size()) return wrong(column(), "wanted three names and nothing more"), std::nullopt;
    made.map = map->text;
    if (!read_word(*system_user, made.system_user) || !read_word(*user, made.user)) return std::nullopt;
    if (made.user.text.find("\\1") != std::string::npos && !made.user.pattern && !made.system_user.pattern)
      return wrong(user->column, "\\1 stands for what /an expression/ has found, and there is none"), std::nullopt;
    return made;
  }

 private:
  bool wrong(std::uint32_t column, std::string_view text) {
    complain(out_, key_, line_, column, text);
    return false;
  }
  // Where the next field is, or would be.
  std::uint32_t column() const {
    const auto here = std::min(at_, line_.fields.size() - 1);
    return line_.fields[here].empty() ? 1 : line_.fields[here].front().column;
  }
  const hba_field* next(const std::string& what) {
    if (at_ < line_.fields.size()) return &line_.fields[at_++];
    wrong(column(), "the line ends where " + what + " was wanted");
    return nullptr;
  }
  const hba_token* one(const std::string& what) {
    const auto* field = next(what);
    if (!field) return nullptr;
    if (field->size() == 1) return &field->front();
    wrong(field->empty() ? 1 : (*field)[std::min<std::size_t>(1, field->size() - 1)].column,
          "wanted " + what + ", and one only");
    return nullptr;
  }

  bool read_word(const hba_token& from, hba_word& into) {
    into.text = from.text;
    into.quoted = from.quoted;
    if (from.quoted || !from.text.starts_with('/')) return true;
    const auto expression = from.text.substr(1);
    if (const auto complaint = complain_pattern(expression); !complaint.empty()) return wrong(from.column, complaint);
    into.pattern = std::make_shared<const std::regex>(compile_pattern(expression, letters::as_written));
    return true;
  }

  bool read_words(const std::string& what, std::vector<hba_word>& into) {
    const auto* field = next("a " + what);
    if (!field) return false;
    return std::ranges::all_of(*field, [&](const hba_token& token) { return read_word(token, into.emplace_back()); });
  }

  bool read_connection(hba_rule& made) {
    const auto* token = one("a type of connection");
    if (!token) return false;
    const auto found = std::ranges::find(connections, token->text);
    made.type = static_cast<connection>(found - connections.begin());
    if (found != connections.end()) return true;
    return wrong(token->column, "there is no type of connection " + in_quotes(token->text) +
                                    did_you_mean(token->text, connections) + "; wanted " + listed(connections));
  }

  bool read_origin(hba_rule& made) {
    const auto* token = one("an address");
    if (!token) return false;
    const auto keyword = [&](std::string_view word) { return !token->quoted && token->text == word; };
    if (keyword("all")) return true;
    if (keyword("samehost") || keyword("samenet")) {
      made.from = keyword("samehost") ? origin::samehost : origin::samenet;
      return true;
    }
    made.from = origin::network;
    const bool has_prefix = token->text.find('/') != token->text.npos;
    const auto network = ip_network::parse(token->text);
    if (!network) {
      const bool name = !has_prefix && token->text.find_first_not_of("0123456789.") != token->text.npos &&
                        token->text.find(':') == token->text.npos;
      return wrong(token->column, name ? "names of hosts are not looked up: write the address, as in 10.0.0.1/32"
                                       : in_quotes(token->text) + " is not an address, as in 10.0.0.0/8 or ::1/128");
    }
    if (has_prefix) {
      made.network = *network;
      return true;
    }
    const auto* mask_text = one("a mask of the address, or /bits behind it,");
    if (!mask_text) return false;
    const auto mask = ip_address::parse(mask_text->text);
    if (!mask) return wrong(mask_text->column, in_quotes(mask_text->text) + " is not a mask, as in 255.255.255.0");
    const auto both = ip_network::of(network->base, *mask);
    if (!both) return wrong(mask_text->column, "address and mask are not of one kind");
    made.network = *both;
    return true;
  }

  bool read_method(hba_rule& made) {
    const auto* token = one("a method");
    if (!token) return false;
    const auto found = std::ranges::find(methods, token->text, &named_method::name);
    if (found == methods.end()) {
      const bool later = std::ranges::find(other_methods, token->text) != other_methods.end();
      std::array<std::string_view, methods.size()> names;
      std::ranges::transform(methods, names.begin(), &named_method::name);
      return wrong(token->column, later ? "the method " + in_quotes(token->text) + " is not available"
                                        : "there is no method " + in_quotes(token->text) +
                                              did_you_mean(token->text, names) + "; wanted " + listed(names));
    }
    made.method = found->method;
    if (made.method == login_method::peer && made.type != connection::local)
      return wrong(token->column, token->text == "ident" ? "ident is not asked over a network; wanted another method"
                                                         : "peer is for local lines only");
    if (made.method == login_method::cert && made.type != connection::hostssl)
      return wrong(token->column, "cert is for hostssl lines only");
    return true;
  }

  bool read_options(hba_rule& made) {
    while (at_ < line_.fields.size()) {
      const auto* token = one("an option");
      if (!token) return false;
      const auto equals = token->text.find('=');
      if (equals == token->text.npos) return wrong(token->column, "wanted an option, as in map=name");
      const auto name = token->text.substr(0, equals), value = token->text.substr(equals + 1);
      const bool has_map = made.method == login_method::peer || made.method == login_method::cert;
      if (name == "map" && has_map && !value.empty()) {
        made.map = value;
      } else if (name == "map") {
        return wrong(token->column, has_map ? "map= needs a name" : "map= is for peer and cert only");
      } else {
        return wrong(token->column, "the option " + in_quotes(name) + " is not available");
      }
    }
    return true;
  }

  const std::string_view key_;
  const hba_line& line_;
  report& out_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<hba_rule> read_hba_file(const std::string& path, const file_source& files, report& out) {
  std::vector<hba_rule> made;
  for (const auto& line : read_hba_lines(path, hba_key, files, out))
    if (auto rule = rule_reader(hba_key, line, out).rule()) made.push_back(std::move(*rule));
  return made;
}

std::vector<ident_mapping> read_ident_file(const std::string& path, const file_source& files, report& out) {
  std::vector<ident_mapping> made;
  for (const auto& line : read_hba_lines(path, ident_key, files, out))
    if (auto mapping = rule_reader(ident_key, line, out).mapping()) made.push_back(std::move(*mapping));
  return made;
}

}  // namespace forebay::config
