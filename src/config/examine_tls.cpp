#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "config/examine.hpp"
#include "config/notation.hpp"

namespace forebay::config {
namespace {

bool verifies(tls_mode mode) {
  return mode >= tls_mode::verify_ca;
}

// As the process finds them: relative to the file that names them.
tls with_paths(tls made, const settings& s) {
  const auto folder = std::filesystem::path(s.source).parent_path();
  for (auto* file : {&made.cert_file, &made.key_file, &made.ca_file, &made.crl_file})
    if (!file->empty() && *file != system_ca) *file = (folder / *file).string();
  return made;
}

struct examiner {
  const settings& s;
  const tls_maker& make;
  report& out;
  mutable std::set<std::string> warned{};  // what several clusters inherit is said once

  // Where a key was written: in the table at hand, or in the one it inherits from.
  path place_of(const path& where, const path& inherited, std::string_view key) const {
    return out.was_read(where / key) || !out.was_read(inherited / key) ? where / key : inherited / key;
  }

  bool complain(const tls& t, tls_role role, const path& where, const path& inherited) const {
    const auto at = [&](std::string_view key) { return place_of(where, inherited, key); };
    bool good = true;
    const auto error = [&](std::string_view key, std::string_view text) {
      out.error(at(key), text);
      good = false;
    };
    for (const auto* key : {"mode", "cert_file", "key_file", "ca_file", "crl_file", "min_version"})
      good = good && !out.was_refused(at(key));
    const auto mode = in_quotes(to_string(t.mode));
    if (t.cert_file.empty() && !t.key_file.empty()) error("key_file", "a key without its certificate: set cert_file");
    if (!t.cert_file.empty() && t.key_file.empty()) error("cert_file", "a certificate without its key: set key_file");
    if (role == tls_role::server && t.cert_file.empty() && t.key_file.empty())
      error("mode", mode + " needs a certificate: set cert_file and key_file");
    if (verifies(t.mode) && t.ca_file.empty())
      error("mode", mode + " needs ca_file: whom the other side's certificate must come from");
    // As libpq: anybody gets a certificate of the authorities that all the world trusts.
    if (role == tls_role::client && t.ca_file == system_ca && t.mode != tls_mode::verify_full)
      error(out.was_read(at("mode")) ? "mode" : "ca_file",
            "ca_file = \"system\" says who the server is by its name only: set mode = \"verify-full\"");
    if (!t.crl_file.empty() && t.ca_file.empty()) error("crl_file", "a list of revoked certificates needs ca_file");
    if (role == tls_role::client && !t.ca_file.empty() && t.ca_file != system_ca && !verifies(t.mode))
      out.warning(at("ca_file"), "is not looked at with mode = " + mode + "; wanted \"verify-ca\" or \"verify-full\"");
    return good;
  }

  // Whoever names files and no mode wants TLS, which "disable", the default, is not.
  void warn_of_unused(const tls& t, const path& where, const path& inherited) const {
    if (t.mode != tls_mode::disable || out.was_read(place_of(where, inherited, "mode"))) return;
    for (const auto& [key, file] : {std::pair{"cert_file", &t.cert_file}, std::pair{"ca_file", &t.ca_file}}) {
      const auto at = place_of(where, inherited, key);
      if (!file->empty() && out.was_read(at) && warned.insert(at.exact).second)
        out.warning(at, "is not used: mode is \"disable\"; wanted mode = \"require\", \"verify-full\" or another");
    }
  }

  std::shared_ptr<const tls_context> context_of(const tls& t, tls_role role, const path& where,
                                                const path& inherited) const {
    if (t.mode == tls_mode::disable || !complain(t, role, where, inherited) || !make) return nullptr;
    std::vector<tls_fault> faults;
    auto made = make(t, role, faults);
    for (const auto& fault : faults) {
      const auto at = place_of(where, inherited, fault.key);
      fault.is_warning ? out.warning(at, fault.text) : out.error(at, fault.text);
    }
    return made;
  }
};

}  // namespace

void examine_tls(settings& s, const tls_maker& make, report& out) {
  const path root;
  const auto client = root / "tls" / "client", server = root / "tls" / "server";
  const examiner examine{s, make, out};
  examine.warn_of_unused(s.tls_client, client, client);
  s.tls_client.context = examine.context_of(with_paths(s.tls_client, s), tls_role::server, client, client);
  for (std::size_t i = 0; i < s.clusters.size(); ++i) {
    auto& each = s.clusters[i];
    each.to_nodes = with_paths(s.tls_of(each), s);
    examine.warn_of_unused(each.to_nodes, (root / "cluster")[i] / "tls", server);
    // As libpq: who says by whom wants to know.
    if (each.to_nodes.mode == tls_mode::require && !each.to_nodes.ca_file.empty())
      each.to_nodes.mode = tls_mode::verify_ca;
    each.to_nodes.context = examine.context_of(each.to_nodes, tls_role::client, (root / "cluster")[i] / "tls", server);
  }
  const auto type = root / "auth" / "type";
  if (s.auth.type == auth_type::cert && !out.was_refused(type) &&
      (s.tls_client.mode == tls_mode::disable || s.tls_client.ca_file.empty()))
    out.error(type, "\"cert\" needs the clients' certificates verified: set mode and ca_file in [tls.client]");
}

}  // namespace forebay::config
