#include "config/hba.hpp"

#include <map>

#include "config/hba_file.hpp"
#include "support.hpp"

namespace forebay::config {
namespace {

using folder = std::map<std::string, std::string>;

file_source source_of(const folder& files) {
  file_source made;
  made.read = [&files](const std::string& path) {
    const auto found = files.find(path);
    if (found == files.end()) return file_source::text{"", "cannot be read: no such file", true};
    return file_source::text{found->second, "", false};
  };
  made.list = [&files](const std::string& path) {
    file_source::folder list;
    for (const auto& [name, text] : files)
      if (name.starts_with(path + "/")) list.files.push_back(name);
    return list;
  };
  return made;
}

struct read {
  access_rules rules;
  lines errors;
};

read read_files(const folder& files) {
  report out("forebay.toml");
  read made;
  const auto source = source_of(files);
  made.rules.rules = read_hba_file("hba", source, out);
  if (files.contains("ident")) made.rules.maps = read_ident_file("ident", source, out);
  made.errors = lines_of(out.finish({}).errors);
  return made;
}

access_rules rules_of(const std::string& hba, const std::string& ident = "") {
  auto made = read_files({{"hba", hba}, {"ident", ident}});
  CHECK(made.errors == lines{});
  return made.rules;
}

struct who {
  std::string user = "ann", database = "app", address = "10.1.2.3";
  bool tls = false, physical = false;
  std::vector<std::string> groups{};
  bool groups_known = true;
};

// The place of the rule for this client: "hba:2", "none", or "hba:2?" where groups decide.
std::string found(const access_rules& rules, const who& w) {
  hba_client client;
  if (!w.address.empty()) client.address = ip_address::parse(w.address).value();
  client.tls = w.tls;
  client.user = w.user;
  client.database = w.database;
  client.physical_replication = w.physical;
  if (w.groups_known) client.groups = &w.groups;
  client.own_addresses = [] { return std::vector{*ip_address::parse("10.1.2.3")}; };
  client.own_networks = [] { return std::vector{*ip_network::parse("10.1.2.0/24")}; };
  const auto verdict = rules.find(client);
  return verdict.rule ? verdict.rule->place + (verdict.in_doubt ? "?" : "") : "none";
}

TEST_CASE("the first line that matches counts") {
  const auto rules = rules_of(
      "# TYPE DATABASE USER ADDRESS METHOD\n"
      "local all all peer\n"
      "host all ann 10.1.2.0/24 scram-sha-256 # a remark\n"
      "host all all 10.1.0.0 255.255.0.0 md5\n"
      "host all all ::1/128 trust\n");
  REQUIRE(rules.rules.size() == 4);
  CHECK(rules.rules[1].method == login_method::scram_sha_256);
  CHECK(found(rules, {.address = ""}) == "hba:2");
  CHECK(found(rules, {}) == "hba:3");
  CHECK(found(rules, {.user = "bob"}) == "hba:4");
  CHECK(found(rules, {.address = "10.2.0.1"}) == "none");
  CHECK(found(rules, {.address = "::1"}) == "hba:5");
  CHECK(found(rules, {.address = "::ffff:10.1.9.9"}) == "hba:4");
  CHECK(found(access_rules{}, {}) == "none");
}

TEST_CASE("types of connections") {
  const auto rules = rules_of(
      "hostssl all all all scram-sha-256\nhostgssenc all all all trust\nhostnossl all bob all md5\n"
      "hostnogssenc all carl all md5\nhost all dora all md5\n");
  CHECK(found(rules, {.tls = true}) == "hba:1");
  CHECK(found(rules, {}) == "none");
  CHECK(found(rules, {.user = "bob"}) == "hba:3");
  CHECK(found(rules, {.user = "carl"}) == "hba:4");
  CHECK(found(rules, {.user = "dora", .address = ""}) == "none");
}

TEST_CASE("databases") {
  const auto rules = rules_of(
      "host sameuser all all md5\nhost replication all all md5\nhost a,b,\"all\",\"c d\" all all md5\n"
      "host samerole all all md5\nhost \"/^x\" all all md5\nhost /^x[0-9]+$ all all md5\nhost last all all md5\n");
  CHECK(found(rules, {.user = "app"}) == "hba:1");
  CHECK(found(rules, {.physical = true}) == "hba:2");
  CHECK(found(rules, {.database = "replication"}) == "none");  // a database of that name
  for (const auto* name : {"a", "b", "all", "c d"})
    CHECK(found(rules, {.database = name}) == "hba:3");
  CHECK(found(rules, {.groups = {"app"}}) == "hba:4");
  CHECK(found(rules, {.groups_known = false}) == "hba:4?");
  CHECK(found(rules, {.database = "/^x"}) == "hba:5");
  CHECK(found(rules, {.database = "x17"}) == "hba:6");
  CHECK(found(rules, {.database = "X17"}) == "none");
  CHECK(found(rules, {.database = "last"}) == "hba:7");
  CHECK(rules.ask_for_groups());
  CHECK(found(rules_of("host all all all md5"), {.physical = true}) == "none");
}

TEST_CASE("users") {
  const auto rules = rules_of(
      "host all ann,\"+staff\",\"all\" all md5\nhost all +staff all md5\nhost all /^svc_ all reject\nhost all \"\" all "
      "md5\n");
  CHECK(found(rules, {}) == "hba:1");
  CHECK(found(rules, {.user = "+staff"}) == "hba:1");
  CHECK(found(rules, {.user = "all"}) == "hba:1");
  CHECK(found(rules, {.user = "staff"}) == "hba:2");
  CHECK(found(rules, {.user = "bob", .groups = {"other", "staff"}}) == "hba:2");
  CHECK(found(rules, {.user = "bob", .groups_known = false}) == "hba:2?");
  CHECK(found(rules, {.user = "svc_1"}) == "hba:3");
  CHECK(found(rules, {.user = "bob"}) == "none");
  CHECK_FALSE(rules_of("host all ann,\"+staff\" all md5").ask_for_groups());
}

TEST_CASE("this machine and its networks") {
  const auto rules = rules_of("host all all samehost trust\nhost all all samenet md5\n");
  CHECK(found(rules, {}) == "hba:1");
  CHECK(found(rules, {.address = "10.1.2.9"}) == "hba:2");
  CHECK(found(rules, {.address = "10.1.3.9"}) == "none");
}

TEST_CASE("how lines are written") {
  const auto rules = rules_of(
      "host  all \\\n  all \\\r\n all md5\n"
      "   \t\n# nothing\\\nlocal\tall\tall\ttrust\r\n"
      "host \"a \"\"b\"\"\" \"x # y\" 0.0.0.0/0 trust");
  REQUIRE(rules.rules.size() == 2);
  CHECK(rules.rules[0].place == "hba:1");
  CHECK(rules.rules[1].place == "hba:7");
  CHECK(rules.rules[1].databases[0].text == "a \"b\"");
  CHECK(rules.rules[1].users[0].text == "x # y");
}

TEST_CASE("other files") {
  const auto made = read_files(
      {{"hba", "host @lists/dbs @users.txt all md5\ninclude more/first\ninclude_if_exists gone\ninclude_dir d\n"},
       {"lists/dbs", "a b # c\n\"d e\",f\n@more\n"},
       {"lists/more", "g"},
       {"users.txt", "ann\n\nbob"},
       {"more/first", "host h all all md5\n"},
       {"d/2.conf", "host two all all md5"},
       {"d/1.conf", "host one all all md5"},
       {"d/note.txt", "nonsense"}});
  CHECK(made.errors == lines{});
  for (const auto* name : {"a", "b", "d e", "f", "g"})
    CHECK(found(made.rules, {.database = name}) == "hba:1");
  CHECK(found(made.rules, {.user = "bob", .database = "a"}) == "hba:1");
  CHECK(found(made.rules, {.database = "c"}) == "none");
  CHECK(found(made.rules, {.database = "h"}) == "first:1");
  CHECK(found(made.rules, {.database = "two"}) == "2.conf:1");
  REQUIRE(made.rules.rules.size() == 4);
  CHECK(made.rules.rules[2].place == "1.conf:1");
}

TEST_CASE("mistakes have their place") {
  const auto one = [](const std::string& line) {
    const auto made = read_files({{"hba", "\n" + line}});
    return made.errors.empty() ? "none" : made.errors.front();
  };
  CHECK(one("hosts all all all md5") ==
        "hba:2:1: hba_file: there is no type of connection \"hosts\"; did you mean \"host\"?; wanted \"local\", "
        "\"host\", "
        "\"hostssl\", \"hostnossl\", \"hostgssenc\" or \"hostnogssenc\"");
  CHECK(one("host all all") == "hba:2:10: hba_file: the line ends where an address was wanted");
  CHECK(one("host all") == "hba:2:6: hba_file: the line ends where a user was wanted");
  CHECK(one("local all all") == "hba:2:11: hba_file: the line ends where a method was wanted");
  CHECK(one("host all all 10.0.0.0/33 md5") ==
        "hba:2:14: hba_file: \"10.0.0.0/33\" is not an address, as in 10.0.0.0/8 or ::1/128");
  CHECK(one("host all all db.example.org md5").find("hba:2:14: hba_file: names of hosts are not looked up") == 0);
  CHECK(one("host all all 10.0.0.0 md5") == "hba:2:23: hba_file: \"md5\" is not a mask, as in 255.255.255.0");
  CHECK(one("host all all 10.0.0.0 ffff:: md5") == "hba:2:23: hba_file: address and mask are not of one kind");
  CHECK(one("host all all all scram").find("hba:2:18: hba_file: there is no method \"scram\"") == 0);
  CHECK(one("host all all all ldap") == "hba:2:18: hba_file: the method \"ldap\" is not available");
  CHECK(one("host all all all peer") == "hba:2:18: hba_file: peer is for local lines only");
  CHECK(one("host all all all cert") == "hba:2:18: hba_file: cert is for hostssl lines only");
  CHECK(one("host all all all,all md5") == "hba:2:18: hba_file: wanted an address, and one only");
  CHECK(one("host all all all md5 map=x") == "hba:2:22: hba_file: map= is for peer and cert only");
  CHECK(one("host all all all md5 x") == "hba:2:22: hba_file: wanted an option, as in map=name");
  CHECK(one("host all all all md5 clientname=DN") == "hba:2:22: hba_file: the option \"clientname\" is not available");
  CHECK(one("host \"all all all md5") == "hba:2:6: hba_file: the quotes are not closed");
  CHECK(one("host /( all all md5").find("hba:2:6: hba_file: not a regular expression") == 0);
  CHECK(one("host @none all all md5") == "hba:2:6: hba_file: \"none\" cannot be read: no such file");
  CHECK(one("include none") == "hba:2:9: hba_file: \"none\" cannot be read: no such file");
  CHECK(one("include hba") == "hba:2:9: hba_file: files are included in files more than 10 deep");
  CHECK(one("include_dir") == "hba:2:1: hba_file: wanted one file name after include_dir");
  CHECK(read_files({}).errors == lines{"forebay.toml: auth.hba_file: \"hba\" cannot be read: no such file"});
  const auto wide = read_files({{"hba", "host @l all all md5"}, {"l", "@l @l @l @l"}});
  CHECK(wide.errors.size() > 1);  // and an end
}

TEST_CASE("who may be whom") {
  const auto rules = rules_of("local all all peer map=m",
                              "m unix1 ann\nm \"unix 2\" all\nm /^(.*)@corp$ \\1\nm /^dba+$ /^adm_\nn x +staff\n");
  const auto may = [&](const char* system_user, const char* user) {
    return rules.may_be("m", system_user, user, nullptr);
  };
  CHECK(rules.rules[0].map == "m");
  CHECK(may("unix1", "ann"));
  CHECK_FALSE(may("unix1", "bob"));
  CHECK(may("unix 2", "bob"));
  CHECK(may("carl@corp", "carl"));
  CHECK_FALSE(may("carl@corp", "ann"));
  CHECK_FALSE(may("all@corp", "ann"));
  CHECK(may("dbaa", "adm_x"));
  CHECK_FALSE(may("ann", "ann"));  // a map says it all
  CHECK(rules.may_be("", "ann", "ann", nullptr));
  CHECK_FALSE(rules.may_be("none", "ann", "ann", nullptr));
  const std::vector<std::string> groups{"staff"};
  CHECK(rules.may_be("n", "x", "bob", &groups));
  CHECK_FALSE(rules.may_be("n", "x", "bob", nullptr));
  const auto bad = read_files({{"hba", ""}, {"ident", "m a\nm a b c\nm a \\1\nm /[ b\n"}});
  CHECK(bad.errors.size() == 4);
}

}  // namespace
}  // namespace forebay::config
