#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

// From text to settings. Every mistake is reported with its place, not just the first; nothing is thrown.
//
//   auto result = config::load_file("/etc/forebay/forebay.toml");
//   for (const auto& p : result.errors) print(to_string(p));  // forebay.toml:12:8: pool.size: 0 is out of range: ...
//   if (result.settings) run(*result.settings);
namespace forebay::config {

inline constexpr std::string_view command_line = "command line";  // the source of what no file says

struct problem {
  std::string source;        // the file's path, or command_line
  std::uint32_t line = 0;    // from 1; 0: the source as a whole
  std::uint32_t column = 0;  // in characters, from 1
  std::string text;          // "key: message", never a secret
};
std::string to_string(const problem& p);

struct loaded {
  std::optional<config::settings> settings;  // there exactly when `errors` is empty
  std::vector<problem> errors;
  std::vector<problem> warnings;
};

// Something wrong with the files of a config::tls, or with what else OpenSSL is to make of it.
struct tls_fault {
  std::string key;  // "cert_file"
  std::string text;
  bool is_warning = false;
};
enum class tls_role : std::uint8_t { server, client };  // to whoever connects to us; to whom we connect
// Reads the files; null where there is an error.
using tls_maker =
    std::function<std::shared_ptr<const tls_context>(const tls&, tls_role, std::vector<tls_fault>& faults)>;

// What the command line says instead of the file or the DSN.
struct overrides {
  std::vector<address> listen;  // empty: as configured
  std::optional<address> http;
  std::optional<unsigned> workers;
  std::optional<std::string> log_level;
  tls_maker make_tls;  // not given: the files are not looked at, and there is no TLS
};

loaded load_file(const std::filesystem::path& file, const overrides& instead = {});

// `source` names the text in messages; auth.users_file is looked for relative to its folder.
loaded load_text(std::string_view text, const std::string& source, const overrides& instead = {});

}  // namespace forebay::config
