#include "config/hba_file.hpp"

#include "input.hpp"

// Files of rules of any bytes, which may include each other and themselves: rules or mistakes, in a bounded time; and
// any client is asked about.
namespace forebay::fuzz {
namespace {

std::vector<ip_address> own_addresses() {
  return {*ip_address::parse("10.0.0.1")};
}
std::vector<ip_network> own_networks() {
  return {*ip_network::parse("10.0.0.0/24")};
}

void run(std::string_view bytes) {
  input in(bytes);
  const std::string texts[] = {std::string(in.text()), std::string(in.text()), std::string(in.text())};
  std::size_t files_read = 0;
  config::file_source files;
  files.read = [&](const std::string& path) {
    ++files_read;
    if (path == "hba" || path == "ident") return config::file_source::text{texts[path == "hba" ? 0 : 1], "", false};
    if (path == "x") return config::file_source::text{texts[2], "", false};
    return config::file_source::text{"", "cannot be read", true};
  };
  files.list = [&](const std::string&) { return config::file_source::folder{{"x", "hba", "y.conf"}, ""}; };
  config::report out("f.toml");
  config::access_rules rules{config::read_hba_file("hba", files, out), config::read_ident_file("ident", files, out)};
  expect(files_read <= 2002);
  const std::string user(in.text()), database(in.text());
  const std::vector<std::string> groups{std::string(in.text())};
  config::hba_client who;
  if (in.below(2) == 1) who.address = *ip_address::parse(in.below(2) == 1 ? "10.0.0.1" : "::1");
  who.user = user;
  who.database = database;
  who.tls = in.below(2) == 1;
  who.physical_replication = in.below(2) == 1;
  who.own_addresses = own_addresses;
  who.own_networks = own_networks;
  const auto blind = rules.find(who);
  expect(rules.ask_for_groups() || !blind.in_doubt);
  who.groups = &groups;
  const auto found = rules.find(who);
  expect(!found.in_doubt);
  if (found.rule) {
    expect(!found.rule->place.empty());
    expect((found.rule->type == config::hba_rule::connection::local) == (who.address.size == 0));
    expect(found.rule->method != config::login_method::cert || who.tls);
    rules.may_be(found.rule->map, database, user, &groups);
  }
  for (const auto& m : rules.maps)
    rules.may_be(m.map, database, user, &groups);
}

std::vector<std::string> seeds() {
  return {in_text("local all all peer map=m\nhost \"a b\",c +g 10.0.0.0/8 md5\nhostssl all all samenet cert\n") +
              in_text("m /^(.*)@x$ \\1\nm a all\n") + in_text("l1,l2") + in_text("ann") + in_text("app") + in_text("g"),
          in_text("include x\nhost @x sameuser samehost reject\ninclude_dir d\n") + in_text("") +
              in_text("@x include hba") + in_text("ann") + in_text("ann"),
          in_text("host replication /^a\\d+$ 0.0.0.0 0.0.0.0 scram-sha-256 \\\n# x") + in_text("include x") +
              in_text("m a b")};
}

const registered here{{"hba", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
