#include "support.hpp"

namespace forebay::config {
namespace {

const std::string cluster =
    "[[cluster]]\nname = \"main\"\nnodes = [ { host = \"h\" } ]\n[[user]]\nname = \"u\"\npassword = \"p\"\n";

lines mistakes(const std::string& tables) {
  return errors_of(cluster + tables);
}

settings loaded_of(const std::string& tables, const tls_maker& make = {}) {
  overrides instead;
  instead.make_tls = make;
  const auto result = load_text(cluster + tables, "/etc/forebay/f", instead);
  CHECK(lines_of(result.errors) == lines{});
  REQUIRE(result.settings);
  return *result.settings;
}

TEST_CASE("a cluster has what [tls.server] says, but for what it says itself") {
  const auto s = loaded_of(
      "[tls.server]\nmode = \"verify-ca\"\nca_file = \"/ca.crt\"\nmin_version = \"1.3\"\n"
      "[[cluster]]\nname = \"other\"\nnodes = [ { host = \"i\" } ]\ntls.mode = \"require\"\ntls.cert_file = "
      "\"c\"\ntls.key_file = \"k\"\n"
      "[[database]]\nname = \"*\"\ncluster = \"main\"\n");
  const auto& plain = s.clusters[0].to_nodes;
  CHECK(plain.mode == tls_mode::verify_ca);
  CHECK(plain.ca_file == "/ca.crt");
  CHECK(plain.min_version == tls_version::v1_3);
  const auto& own = s.clusters[1].to_nodes;
  CHECK(own.mode == tls_mode::verify_ca);  // as libpq: require, and by whom
  CHECK(own.ca_file == "/ca.crt");
  CHECK(own.cert_file == "/etc/forebay/c");  // relative to the file that names it
  CHECK(own.key_file == "/etc/forebay/k");
}

TEST_CASE("what excludes each other, and where") {
  CHECK(mistakes("[tls.client]\nmode = \"require\"") ==
        lines{R"(f:8:8: tls.client.mode: "require" needs a certificate: set cert_file and key_file)"});
  CHECK(mistakes("[tls.client]\nmode = \"require\"\ncert_file = \"c\"") ==
        lines{"f:9:13: tls.client.cert_file: a certificate without its key: set key_file"});
  CHECK(
      mistakes("[tls.client]\nmode = \"verify-ca\"\ncert_file = \"c\"\nkey_file = \"k\"") ==
      lines{R"(f:8:8: tls.client.mode: "verify-ca" needs ca_file: whom the other side's certificate must come from)"});
  CHECK(
      mistakes("[tls.server]\nmode = \"verify-full\"") ==
      lines{
          R"(f:8:8: tls.server.mode: "verify-full" needs ca_file: whom the other side's certificate must come from)"});
  CHECK(mistakes("[tls.server]\nmode = \"require\"\nkey_file = \"k\"") ==
        lines{"f:9:12: tls.server.key_file: a key without its certificate: set cert_file"});
  CHECK(mistakes("[tls.server]\nmode = \"require\"\ncrl_file = \"k\"") ==
        lines{"f:9:12: tls.server.crl_file: a list of revoked certificates needs ca_file"});
  CHECK(
      mistakes("[auth]\ntype = \"cert\"") ==
      lines{
          "f:8:8: auth.type: \"cert\" needs the clients' certificates verified: set mode and ca_file in [tls.client]"});
}

TEST_CASE("the system's authorities need a name to be of any use") {
  const std::string said = R"(ca_file = "system" says who the server is by its name only: set mode = "verify-full")";
  CHECK(mistakes("[tls.server]\nmode = \"require\"\nca_file = \"system\"") == lines{"f:8:8: tls.server.mode: " + said});
  CHECK(mistakes("[tls.server]\nmode = \"verify-ca\"\nca_file = \"system\"") ==
        lines{"f:8:8: tls.server.mode: " + said});
  CHECK(mistakes("[tls.server]\nmode = \"verify-full\"\nca_file = \"system\"") == lines{});
}

TEST_CASE("files without a mode are warned of where they are named, once") {
  const auto warnings = [](const std::string& tables) {
    return lines_of(load_text(cluster + tables, "f", {}).warnings);
  };
  const std::string said = R"(is not used: mode is "disable"; wanted mode = "require", "verify-full" or another)";
  CHECK(warnings("[tls.server]\nca_file = \"x\"\n[[cluster]]\nname = \"other\"\nnodes = [ { host = \"i\" } ]\n") ==
        lines{"f:8:11: tls.server.ca_file: " + said});
  CHECK(warnings("[tls.client]\nca_file = \"x\"\ncert_file = \"c\"\nkey_file = \"k\"\n") ==
        lines{"f:8:11: tls.client.ca_file: " + said, "f:9:13: tls.client.cert_file: " + said});
  CHECK(warnings("[tls.server]\nmode = \"disable\"\nca_file = \"x\"\n") == lines{});
}

TEST_CASE("[tls] is a table of two tables") {
  CHECK(mistakes("[tls]\nmode = \"require\"") == lines{"f:8:1: tls.mode: unknown key; it belongs to [tls.client]"});
  CHECK(mistakes("[tls.clients]\nmode = \"require\"") ==
        lines{R"(f:7:6: tls.clients: unknown key; did you mean "client"?)"});
  CHECK(mistakes("[tls]\nclient = 5") ==
        lines{"f:8:10: tls.client: wanted one table, as in [tls.client]; found a whole number"});
  CHECK(mistakes("[tls.client]\nkeyfile = \"x\"") ==
        lines{R"(f:8:1: tls.client.keyfile: unknown key; did you mean "key_file"?)"});
}

TEST_CASE("what is wrong with the files is said where they are named") {
  overrides instead;
  instead.make_tls = [](const tls& t, tls_role role, std::vector<tls_fault>& faults) {
    CHECK(role == tls_role::client);
    CHECK(t.ca_file == "ca");
    faults.push_back({"ca_file", "is no good"});
    faults.push_back({"mode", "is strange", true});
    return nullptr;
  };
  const auto result = load_text(cluster + "[tls.server]\nmode = \"verify-ca\"\nca_file = \"ca\"\n", "f", instead);
  CHECK(lines_of(result.errors) == lines{"f:9:11: tls.server.ca_file: is no good"});
  CHECK(lines_of(result.warnings) == lines{"f:8:8: tls.server.mode: is strange"});
}

TEST_CASE("without TLS no file is looked at") {
  int made = 0;
  loaded_of("[tls.client]\nmode = \"disable\"\ncert_file = \"c\"\nkey_file = \"k\"\n[tls.server]\nca_file = \"ca\"\n",
            [&](const tls&, tls_role, std::vector<tls_fault>&) {
              ++made;
              return nullptr;
            });
  CHECK(made == 0);
}

}  // namespace
}  // namespace forebay::config
