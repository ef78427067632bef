#include "config/load.hpp"

#include <sys/stat.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "config/examine.hpp"
#include "config/hba_file.hpp"
#include "config/notation.hpp"
#include "config/read.hpp"
#include "config/users_file.hpp"

namespace forebay::config {
namespace {

place place_of(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}

item to_item(const toml::node& from) {
  item out{place_of(from.source()), timestamp{}};
  from.visit([&]<class Node>(const Node& node) {
    if constexpr (std::is_same_v<Node, toml::table>) {
      auto& made = out.value.emplace<table>();
      for (const auto& [name, value] : node)
        made.push_back({std::string(name.str()), place_of(name.source()), to_item(value)});
    } else if constexpr (std::is_same_v<Node, toml::array>) {
      auto& made = out.value.emplace<array>();
      for (const auto& element : node)
        made.push_back(to_item(element));
    } else if constexpr (toml::is_boolean<Node> || toml::is_integer<Node> || toml::is_floating_point<Node> ||
                         toml::is_string<Node>) {
      out.value = node.get();
    }
  });
  return out;
}

// toml++ bounds the nesting of values, not the parts of a dotted key: its trees, and ours, are walked recursively.
std::optional<place> overlong_key(std::string_view text) {
  constexpr int most_dots = 16;
  place at{1, 0};
  int dots = 0;
  char before = 0;  // the last character that is no blank
  for (const char c : text) {
    ++at.column;
    if (c == '.' && before != '.') {
      if (++dots > most_dots) return at;
    } else if (c == '.' || std::string_view("=[]{},#\n").find(c) != std::string_view::npos) {
      dots = 0;
    }
    if (c == '\n') at = {at.line + 1, 0};
    if (c != ' ' && c != '\t') before = c;
  }
  return {};
}

// toml++ quotes what it stumbled over, which may be a password that lacks its quotes.
std::string without_quotations(std::string_view description) {
  if (description.find("could not determine value type") != description.npos)
    return "not a value: a text needs quotes, as in name = \"main\"";
  if (description.find("cannot redefine") != description.npos) return "this key or table is there twice";
  std::string text(description.substr(0, description.find(", saw ")));
  if (const auto start = text.find(": '"); start != text.npos)
    if (const auto end = text.find("' ", start + 3); end != text.npos)
      text.replace(start + 2, end - start - 1, "the value");
  return text;
}

struct file_text {
  std::string text;
  std::string failure;  // empty: it was read
};

file_text read_file(const std::filesystem::path& file) {
  constexpr std::uintmax_t most = 64 << 20;
  std::error_code failure;
  if (std::filesystem::is_directory(file, failure)) return {"", "cannot be read: it is a folder"};
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in) return {"", std::string("cannot be read: ") + std::strerror(errno)};
  if (const auto size = std::filesystem::file_size(file, failure); !failure && size > most)
    return {"", "cannot be read: it is larger than 64 MiB"};
  std::ostringstream content;
  content << in.rdbuf();
  return {std::move(content).str(), ""};
}

void load_users(settings& s, report& out) {
  if (s.auth.users_file.empty()) return;
  const auto where = path{} / "auth" / "users_file";
  const auto file = std::filesystem::path(s.source).parent_path() / s.auth.users_file;
  const auto content = read_file(file);
  if (!content.failure.empty()) return out.error(where, in_quotes(file.string()) + " " + content.failure);
  struct stat status {};
  if (stat(file.c_str(), &status) == 0 && (status.st_mode & S_IROTH) != 0)
    out.warning(where,
                in_quotes(file.string()) + " can be read by everybody on this machine; wanted chmod 640 or less");
  read_users(content.text, file.string(), s, out);
}

file_source files_on_disk() {
  file_source made;
  made.read = [](const std::string& name) {
    std::error_code failure;
    const bool missing = !std::filesystem::exists(name, failure);
    auto content = read_file(name);
    return file_source::text{std::move(content.text), std::move(content.failure), missing};
  };
  made.list = [](const std::string& name) {
    file_source::folder found;
    std::error_code failure;
    for (const auto& each : std::filesystem::directory_iterator(name, failure))
      found.files.push_back(each.path().string());
    if (failure) found.failure = "cannot be read: " + failure.message();
    return found;
  };
  return made;
}

void load_rules(settings& s, report& out) {
  if (s.auth.hba_file.empty()) return;
  const auto folder = std::filesystem::path(s.source).parent_path();
  const auto files = files_on_disk();
  auto made = std::make_shared<access_rules>();
  made->rules = read_hba_file((folder / s.auth.hba_file).string(), files, out);
  if (!s.auth.ident_file.empty()) made->maps = read_ident_file((folder / s.auth.ident_file).string(), files, out);
  for (const auto& rule : made->rules) {
    const auto known = std::ranges::find(made->maps, rule.map, &ident_mapping::map);
    if (rule.map.empty() || known != made->maps.end()) continue;
    out.error(path{} / "auth" / "ident_file",
              rule.place + " names the map " + in_quotes(rule.map) + ", which is not there");
  }
  s.auth.rules = std::move(made);
}

void load_password(password_source& from, const path& where, const std::string& source, report& out) {
  if (from.from == password_source::kind::environment) {
    const char* value = std::getenv(from.where.c_str());
    if (!value || *value == '\0')
      return out.error(where, "there is no variable " + in_quotes(from.where) + " in the environment, or it is empty");
    from.text = value;
  }
  if (from.from == password_source::kind::file) {
    from.where = (std::filesystem::path(source).parent_path() / from.where).string();
    auto found = read_password_file(from.where);
    if (!found.error.empty()) return out.error(where, found.error);
    from.text = std::move(found.value);
  }
}

void load_passwords(settings& s, report& out) {
  const auto load_list = [&](auto& list, const path& where) {
    for (std::size_t i = 0; i < list.size(); ++i)
      load_password(list[i].password, where[i] / "password", s.source, out);
  };
  load_list(s.clusters, path{} / "cluster");
  load_list(s.databases, path{} / "database");
  load_list(s.users, path{} / "user");
  load_password(s.auth.query_password, path{} / "auth" / "query_password", s.source, out);
}

}  // namespace

loaded load_text(std::string_view text, const std::string& source, const overrides& instead) {
  report out(source);
  settings made;
  made.source = source;
  out.locate({}, {1, 1});
  if (const auto at = overlong_key(text)) {
    out.error_at(*at, "a key has too many parts; no key has more than three");
    return out.finish({});
  }
  try {
    const auto document = to_item(toml::parse(text));
    read_document(std::get<table>(document.value), made, out);
    load_users(made, out);
    load_passwords(made, out);
    load_rules(made, out);
    apply(instead, made, out);
    examine(made, out);
    examine_tls(made, instead.make_tls, out);
  } catch (const toml::parse_error& e) {
    out.error_at(place_of(e.source()), without_quotations(e.description()));
  }
  return out.finish(std::move(made));
}

loaded load_file(const std::filesystem::path& file, const overrides& instead) {
  const auto content = read_file(file);
  if (content.failure.empty()) return load_text(content.text, file.string(), instead);
  report out(file.string());
  out.error_at({}, content.failure);
  return out.finish({});
}

}  // namespace forebay::config
