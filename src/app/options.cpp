#include "app/options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <ostream>

#include "config/dsn.hpp"
#include "config/notation.hpp"
#include "net/tls_context.hpp"

#ifndef FOREBAY_VERSION
#define FOREBAY_VERSION "unknown"
#endif

namespace forebay {
namespace {

constexpr std::array default_files{"forebay.toml", "/etc/forebay/forebay.toml"};

// Each option stores its argument and returns a complaint, empty when there is none.
struct option {
  std::string_view name;
  std::string_view argument;  // its name in the usage; empty: takes none
  std::string (*store)(options& into, std::string_view argument);
};

template <options::action What>
std::string store_action(options& into, std::string_view) {
  into.what = What;
  return "";
}

std::string store_config(options& into, std::string_view file) {
  into.config_file = file;
  return file.empty() ? "wanted the name of a file" : "";
}

std::string store_listen(options& into, std::string_view text) {
  auto parsed = config::parse_address(text);
  if (parsed.complaint.empty()) into.instead.listen.push_back(std::move(parsed.value));
  return parsed.complaint;
}

std::string store_workers(options& into, std::string_view text) {
  unsigned count = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failure != std::errc{} || end != text.data() + text.size() || count > config::max_workers)
    return "wanted a whole number from 0 (one per core) to " + std::to_string(config::max_workers);
  into.instead.workers = count;
  return "";
}

std::string store_log_level(options& into, std::string_view level) {
  into.instead.log_level = level;
  return config::complain_log_level(level);
}

std::string store_http(options& into, std::string_view text) {
  auto parsed = config::parse_address(text, config::http::default_port);
  if (parsed.complaint.empty()) into.instead.http = std::move(parsed.value);
  return parsed.complaint;
}

constexpr std::array all_options{
    option{"--config", "FILE", store_config},
    option{"--listen", "HOST:PORT", store_listen},
    option{"--http", "HOST:PORT", store_http},
    option{"--workers", "N", store_workers},
    option{"--log-level", "LEVEL", store_log_level},
    option{"--check", "", store_action<options::action::check>},
    option{"--version", "", store_action<options::action::version>},
    option{"--help", "", store_action<options::action::help>},
};

std::string complain_unknown(std::string_view name) {
  std::array<std::string_view, all_options.size()> names;
  std::ranges::transform(all_options, names.begin(), &option::name);
  const auto meant = config::nearest(name, names);
  return std::string(name) + ": unknown option" +
         (meant ? "; did you mean " + std::string(*meant) + "?" : "; see --help");
}

std::string complain_combination(const options& given) {
  if (!given.dsn.empty() && !given.config_file.empty()) return "a DSN and --config exclude each other";
  return "";
}

std::optional<std::string> default_file() {
  for (const auto* file : default_files)
    if (std::error_code ignored; std::filesystem::exists(file, ignored)) return file;
  return {};
}

}  // namespace

parsed_options parse_options(std::span<const char* const> arguments) {
  parsed_options out;
  const auto fail = [&](std::string text) {
    out.error = std::move(text);
    return out;
  };
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view given = arguments[i];
    if (!given.starts_with('-')) {
      if (!config::looks_like_dsn(given))
        return fail("neither an option nor a DSN; wanted postgres://user:password@host or --config FILE, see --help");
      if (!out.value.dsn.empty())
        return fail("more than one DSN; several hosts go in one, as in postgres://user@h1,h2");
      out.value.dsn = given;
      continue;
    }
    const auto equals = given.find('=');
    const auto name = given.substr(0, equals);
    const auto found = std::ranges::find(all_options, name, &option::name);
    if (found == all_options.end()) return fail(complain_unknown(name));
    std::string_view argument;
    if (found->argument.empty()) {
      if (equals != given.npos) return fail(std::string(name) + ": takes no argument");
    } else if (equals != given.npos) {
      argument = given.substr(equals + 1);
    } else if (++i < arguments.size()) {
      argument = arguments[i];
    } else {
      return fail(std::string(name) + ": wanted an argument, " + std::string(found->argument));
    }
    if (const auto complaint = found->store(out.value, argument); !complaint.empty())
      return fail(std::string(name) + ": " + complaint);
  }
  return fail(complain_combination(out.value));
}

std::string usage() {
  return R"(usage: forebay [--config FILE | DSN] [options]

Pools connections to PostgreSQL.

  (nothing)            read ./forebay.toml, else /etc/forebay/forebay.toml
  --config FILE        read FILE
  DSN                  no file: postgres://user:password@h1:5432,h2:5432/database

  --listen HOST:PORT   accept clients here instead of where the configuration says; may be repeated
  --http HOST:PORT     metrics and health pages here
  --workers N          threads; 0: one per core
  --log-level LEVEL    debug, info, warning, error or off
  --check              report all errors in the configuration, start nothing; exit status 1 if there are any
  --version
  --help

Signals: HUP reads the configuration again; TERM and INT let transactions finish, the second time they do not.
)";
}

std::string version_text() {
  return "forebay " FOREBAY_VERSION "\n";
}

namespace {

using tls_context_ptr = std::shared_ptr<const tls_context>;

std::vector<tls_context_ptr> contexts_of(const config::settings* s) {
  std::vector<tls_context_ptr> all;
  if (!s) return all;
  all.push_back(s->tls_client.context);
  for (const auto& each : s->clusters)
    all.push_back(each.to_nodes.context);
  std::erase(all, nullptr);
  return all;
}

}  // namespace

config::loaded load_settings(const options& wanted, const config::settings* now) {
  auto instead = wanted.instead;
  instead.make_tls = [before = contexts_of(now)](const config::tls& from, config::tls_role role, auto& faults) {
    auto made = tls_context::make(from, role, faults);
    const auto same = [&](const auto& each) { return made && each->same_as(*made); };
    const auto known = std::ranges::find_if(before, same);
    return known == before.end() ? made : *known;
  };
  if (!wanted.dsn.empty()) return config::from_dsn(wanted.dsn, instead);
  if (!wanted.config_file.empty()) return config::load_file(wanted.config_file, instead);
  if (const auto file = default_file()) return config::load_file(*file, instead);
  config::loaded nothing;
  nothing.errors.push_back(
      {"forebay", 0, 0,
       "there is neither ./forebay.toml nor /etc/forebay/forebay.toml; give --config FILE or a DSN, "
       "see --help"});
  return nothing;
}

int check(const options& wanted, std::ostream& out, std::ostream& err) {
  const auto result = load_settings(wanted);
  for (const auto& warning : result.warnings)
    err << "warning: " << to_string(warning) << '\n';
  for (const auto& error : result.errors)
    err << to_string(error) << '\n';
  if (!result.settings) return 1;
  out << result.settings->source << ": ok\n";
  return 0;
}

}  // namespace forebay
