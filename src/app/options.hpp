#pragma once

#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/load.hpp"

// The command line, and the configuration it asks for. Used in order: parse_options, then one of usage, check,
// load_settings (again at each reload, so that the command line keeps its say over the file).
namespace forebay {

struct options {
  enum class action { run, check, version, help };

  action what = action::run;
  std::string config_file;  // as given; empty: the default places, unless there is a DSN
  std::string dsn;
  config::overrides instead;
};

struct parsed_options {
  options value;
  std::string error;  // empty: all is well. Ends without a line feed
};

parsed_options parse_options(std::span<const char* const> arguments);  // without the program's name

std::string usage();         // --help
std::string version_text();  // --version

// now: the settings in force, whose TLS contexts live on where nothing in their files has changed; null: there are
// none.
config::loaded load_settings(const options& wanted, const config::settings* now = nullptr);

// forebay --check: warnings and errors, or "FILE: ok"; returns the exit status.
int check(const options& wanted, std::ostream& out, std::ostream& err);

}  // namespace forebay
