#include "config/describe.hpp"
#include "config/load.hpp"
#include "input.hpp"

// A configuration file of any bytes: settings, or mistakes with their places.
namespace forebay::fuzz {
namespace {

void run(std::string_view text) {
  if (text.find("users_file") != text.npos) return;  // it would be read
  const auto loaded = config::load_text(text, "f.toml");
  expect(loaded.settings.has_value() == loaded.errors.empty());
  for (const auto* problems : {&loaded.errors, &loaded.warnings}) {
    for (const auto& p : *problems) {
      expect(p.source == "f.toml" && p.line <= text.size() + 1);
      expect(config::to_string(p).find('\n') == std::string::npos);
    }
  }
  if (loaded.settings) config::describe(*loaded.settings);
}

std::vector<std::string> seeds() {
  return {
      "[[cluster]]\nname = \"main\"\nnodes = [ { host = \"h\", port = 5432, role = \"auto\", max_connections = 9 } ]\n",
      "[general]\nworkers = 4\nlog_level = \"info\"\n[listen]\naddresses = [\"[::1]:6432\", \"*:1\"]\n[auth]\n"
      "type = \"md5\"\nlogin_timeout = \"5s\"\n[pool]\nmode = \"session\"\nsize = 0x10\nserver_lifetime = \"7d\"\n",
      "[[user]]\nname = \"app\"\npassword = 'secret'\nadmin = true\n[[database]]\nname = \"*\"\ncluster = \"main\"\n",
      "[cache]\nmode = \"ttl\"\n[[cache.rule]]\ntables = [\"t\"]\nstatement = '(a|[b-d]{2,3})+\\s$'\nttl = \"1s\"\n",
      "a.b.c = 1e9 # x\nd = [1, 2.5, 1979-05-27T07:32:00Z, inf]\ne = \"\"\"x\n\\u00e4\"\"\"\n",
      "[pool]\nsize = \n"};
}

const registered here{{"toml", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
