#include "support.hpp"

// Keys that are right one by one and wrong together.
namespace forebay::config {
namespace {

TEST_CASE("names are given once") {
  CHECK(
      errors_of("[[cluster]]\nname = \"a\"\nnodes = [{host=\"h\"}]\n[[cluster]]\nname = \"a\"\nnodes = [{host=\"i\"}]\n"
                "[[database]]\nname = \"*\"\ncluster = \"a\"") ==
      lines{R"(f:5:8: cluster.name: "a" is already the name of a cluster (line 2))"});
  CHECK(errors_of("[[database]]\nname = \"d\"\n[[database]]\nname = \"d\"" + one_cluster) ==
        lines{R"(f:4:8: database.name: "d" is already the name of a database (line 2))"});
  CHECK(errors_of("[[user]]\nname = \"u\"\npassword = \"p\"\n[[user]]\nname = \"u\"\npassword = \"q\"" + one_cluster) ==
        lines{R"(f:5:8: user.name: "u" is already the name of a user (line 2))"});
  CHECK(errors_of("[[cluster]]\nname = \"a\"\nuser = \"w\"\nnodes = [{host=\"h\"}, {host=\"h\", "
                  "port=5433},\n{host=\"h\", port=5432}]") ==
        lines{R"(f:5:7: cluster.nodes.host: "h:5432" is already a node of this cluster (line 4))"});
}

TEST_CASE("a cluster has one primary") {
  CHECK(errors_of("[[cluster]]\nname = \"a\"\nuser = \"w\"\nnodes = [{host=\"h\", role=\"primary\"},\n{host=\"i\", "
                  "role=\"primary\"}]") ==
        lines{"f:5:17: cluster.nodes.role: a cluster has one primary; this one is named already (line 4)"});
  CHECK(errors_of("[[cluster]]\nname = \"a\"\nuser = \"w\"\nnodes = [{host=\"h\", role=\"primary\"}, {host=\"i\"}]")
            .empty());
}

TEST_CASE("several nodes are watched by somebody") {
  const std::string two = "[[cluster]]\nname = \"a\"\nnodes = [{host=\"h\"}, {host=\"i\"}]\n";
  const lines nobody{
      "f:2:8: cluster.name: has several nodes and nobody to watch them: no password is known in clear. Set user and "
      "password of the cluster"};
  CHECK(errors_of(two) == nobody);
  CHECK(errors_of(two + "[[user]]\nname = \"u\"\nsecret = \"md5" + std::string(32, 'a') + "\"") == nobody);
  CHECK(errors_of("[[cluster]]\nname = \"a\"\nnodes = [{host=\"h\"}]").empty());
  CHECK(errors_of(two + "password = \"p\"\n[[user]]\nname = \"u\"\npassword = \"q\"") ==
        lines{"f:4:12: cluster.password: a password without user: say whose it is"});
}

TEST_CASE("who watches") {
  const auto watcher = [](const std::string& text) {
    const auto s = settings_of("[[cluster]]\nname = \"a\"\nnodes = [{host=\"h\"}, {host=\"i\"}]\n" + text);
    const auto found = s.watcher_of(s.clusters.front());
    return found->user + "/" + found->password.text + "/" + found->dbname;
  };
  const std::string users = "[[user]]\nname = \"s\"\nsecret = \"md5" + std::string(32, 'a') +
                            "\"\n[[user]]\nname = \"u\"\npassword = \"p\"\n";
  CHECK(watcher("user = \"w\"\npassword = \"q\"\n" + users) == "w/q/postgres");
  CHECK(watcher("user = \"w\"\ndbname = \"d\"\n" + users) == "w//d");
  CHECK(watcher(users) == "u/p/postgres");
  CHECK(watcher(users + "[[database]]\nname = \"*\"\n[[database]]\nname = \"d\"\n") == "u/p/d");
  CHECK(watcher(users + "[[database]]\nname = \"d\"\ndbname = \"e\"\nuser = \"u\"\n") == "u/p/e");
  CHECK(watcher(users + "[[database]]\nname = \"d\"\nuser = \"f\"\npassword = \"g\"\n") == "f/g/d");
  CHECK(watcher(users + "[[database]]\nname = \"d\"\nuser = \"s\"\n") == "u/p/d");
}

TEST_CASE("there is a cluster, and databases are on clusters that exist") {
  CHECK(errors_of("") == lines{"f:1:1: cluster: there is none; wanted [[cluster]] with name = \"main\" and nodes = "
                               "[ { host = \"10.0.0.1\" } ]"});
  CHECK(errors_of("[[database]]\nname = \"d\"\ncluster = \"mian\"" + one_cluster) ==
        lines{R"(f:3:11: database.cluster: there is no cluster "mian"; did you mean "main"?)"});
  const std::string two =
      "[[cluster]]\nname=\"a\"\nnodes=[{host=\"h\"}]\n[[cluster]]\nname=\"b\"\nnodes=[{host=\"h\"}]\n";
  CHECK(errors_of(two) ==
        lines{"f:1:1: database: with several clusters, [[database]] must say which database is where"});
  CHECK(errors_of(two + "[[database]]\nname = \"*\"") ==
        lines{R"(f:7:1: database.cluster: is missing: there are several clusters, "a" or "b")"});
}

TEST_CASE("a database's password belongs to a user") {
  CHECK(errors_of("[[database]]\nname = \"d\"\npassword = \"p\"" + one_cluster) ==
        lines{"f:3:12: database.password: a password without user: say whose it is"});
  CHECK(errors_of("[[database]]\nname = \"d\"\nuser = \"u\"\npassword = \"p\"" + one_cluster).empty());
}

TEST_CASE("the pool is as large as what it keeps") {
  CHECK(errors_of("[pool]\nmin_size = 21" + one_cluster) ==
        lines{"f:2:12: pool.min_size: 21 is more than pool.size = 20"});
  CHECK(errors_of("[pool]\nmin_size = 10\n[[database]]\nname = \"d\"\npool_size = 9" + one_cluster) ==
        lines{"f:5:13: database.pool_size: 9 is less than pool.min_size = 10"});
  CHECK(errors_of("[pool]\nmin_size = 20" + one_cluster).empty());
}

TEST_CASE("what belongs to auth.type and auth.query") {
  const auto errors = [](const std::string& text) { return errors_of("[auth]\n" + text + one_cluster); };
  CHECK(errors("type = \"hba\"") == lines{"f:2:8: auth.type: \"hba\" needs hba_file: the file with the rules"});
  CHECK(errors("ident_file = \"x\"") ==
        lines{"f:2:14: auth.ident_file: is read with hba_file only, whose lines name its maps"});
  CHECK(errors("query_password = \"x\"") ==
        lines{"f:2:18: auth.query_password: a password without query_user: say whose it is"});
  CHECK(errors("query = \"select 1\"") ==
        lines{"f:2:9: auth.query: the query needs $1, which stands for the user's name"});
  CHECK(errors("type = \"trust\"\nquery_user = \"x\"") ==
        lines{"f:3:14: auth.query_user: type = \"trust\" asks for no secret"});
  CHECK(errors("query = \"select $1\"") ==
        lines{"f:2:9: auth.query: nobody is known to ask it in cluster \"main\": set query_user and query_password"});
}

TEST_CASE("who asks auth.query") {
  const auto asker = [](const std::string& text) {
    const auto s = settings_of(text + one_cluster);
    const auto found = s.asker_of(s.clusters.front());
    return found ? found->user + "/" + found->password.text + "/" + found->dbname : "nobody";
  };
  const std::string user = "[[user]]\nname = \"u\"\npassword = \"p\"\n";
  CHECK(asker(user) == "nobody");
  CHECK(asker("[auth]\nquery = \"$1\"\n" + user) == "u/p/postgres");
  CHECK(asker("[auth]\nquery_user = \"q\"\nquery_password = \"r\"\nquery_database = \"d\"\n") == "q/r/d");
  CHECK(asker("[auth]\nquery_user = \"u\"\n[[user]]\nname = \"s\"\npassword = \"s\"\n" + user) == "u/p/postgres");
}

TEST_CASE("passwords from elsewhere") {
  const auto with = [](const std::string& value) {
    return "[[user]]\nname = \"u\"\npassword = " + value + one_cluster;
  };
  setenv("FOREBAY_TEST_PASSWORD", "from the environment", 1);
  const auto s = settings_of(with("{ environment = \"FOREBAY_TEST_PASSWORD\" }"));
  CHECK(s.users[0].password.text == "from the environment");
  CHECK(errors_of(with("{ environment = \"FOREBAY_TEST_NONE\" }")) ==
        lines{"f:3:12: user.password: there is no variable \"FOREBAY_TEST_NONE\" in the environment, or it is empty"});
  CHECK(errors_of(with("{ file = \"none\" }")) ==
        lines{"f:3:12: user.password: the password's file \"none\" cannot be read: No such file or directory"});
  CHECK(
      errors_of(with("{ }")) ==
      lines{
          "f:3:12: user.password: wanted one of file, environment and command, as in { file = \"/run/secrets/db\" }"});
  CHECK(errors_of(with("{ flie = \"x\" }")).front() ==
        R"(f:3:12: user.password: "flie" is no key of it; wanted file, environment or command)");
  CHECK(errors_of(with("{ command = \"x\", timeout = \"0s\" }")).back() ==
        "f:3:29: user.password.timeout: 0s is too short: at least 1ms");
}

TEST_CASE("a user has what auth.type needs") {
  const std::string nobody =
      R"(f:1:1: user: "u" has neither password nor secret, and auth.type = "scram-sha-256" needs one)";
  CHECK(errors_of("[[user]]\nname = \"u\"" + one_cluster) == lines{nobody});
  CHECK(errors_of("[auth]\ntype = \"trust\"\n[[user]]\nname = \"u\"" + one_cluster).empty());
  CHECK(errors_of("[[user]]\nname = \"u\"\npassword = \"p\"\nsecret = \"" + scram_secret + "\"" + one_cluster).empty());
  CHECK(errors_of("[[user]]\nname = \"u\"\npassword = { command = \"x\" }" + one_cluster) ==
        lines{"f:3:12: user.password: the output of a command is for servers only: say what clients prove by secret"});
  CHECK(errors_of("[auth]\nquery_user = \"q\"\n[[user]]\nname = \"u\"" + one_cluster).empty());
  // Only the cause: whether anything is lacking depends on what could not be read.
  CHECK(
      errors_of("[auth]\ntype = \"turst\"\n[[user]]\nname = \"u\"" + one_cluster) ==
      lines{
          R"(f:2:8: auth.type: "turst" is not one of "scram-sha-256", "md5", "plain", "trust", "cert" or "hba"; did you mean "trust"?)"});
  CHECK(errors_of("[[user]]\nname = \"u\"\npassword = 5" + one_cluster) ==
        lines{R"(f:3:12: user.password: wanted a text, as in password = "..."; found a whole number)"});
}

TEST_CASE("some client can connect, and to each address once") {
  CHECK(errors_of("[listen]\naddresses = []" + one_cluster) ==
        lines{"f:2:13: listen.addresses: no address and no unix_socket_dir: no client could ever connect"});
  CHECK(errors_of("[listen]\naddresses = []\nunix_socket_dir = \"/tmp\"" + one_cluster).empty());
  CHECK(
      errors_of("[listen]\naddresses = [5, \"*:1\", \"*:1\"]" + one_cluster) ==
      lines{
          R"(f:2:14: listen.addresses: wanted an address, as in addresses = ["127.0.0.1:6432"]; found a whole number)",
          R"(f:2:24: listen.addresses: "*:1" is there twice)"});
}

TEST_CASE("a function writes or reads, and a breaker is not open longer at first than at most") {
  CHECK(errors_of("[routing]\nwrite_functions = [\"a\", \"b\"]\nread_functions = [\"b\", \"c\"]" + one_cluster) ==
        lines{R"(f:3:18: routing.read_functions: "b" is in write_functions as well (line 2))"});
  CHECK(errors_of("[breaker]\nopen_time = \"2s\"\nmax_open_time = \"1500ms\"" + one_cluster) ==
        lines{"f:3:17: breaker.max_open_time: 1500ms is less than breaker.open_time = 2s"});
  CHECK(errors_of("[breaker]\nopen_time = \"30s\"" + one_cluster).empty());
  CHECK(errors_of("[breaker]\nopen_time = \"31s\"\nmax_open_time = 60" + one_cluster).size() == 1);
  CHECK(errors_of("[breaker]\nopen_time = \"31s\"" + one_cluster) ==
        lines{"f:2:13: breaker.open_time: 31s is more than breaker.max_open_time = 30s"});
}

TEST_CASE("what is allowed and hardly meant is a warning") {
  const std::string user = "[[user]]\nname = \"u\"\npassword = \"p\"\n";
  const std::string zones =
      "[[cluster]]\nname = \"c\"\nnodes = [ { host = \"h\", zone = \"eu-1a\" }, { host = \"i\" } ]";
  CHECK(warnings_of("[routing]\nzone = \"eu1a\"\n" + user + zones) ==
        lines{R"(f:2:8: routing.zone: no node is in zone "eu1a"; did you mean "eu-1a"?)"});
  CHECK(warnings_of("[routing]\nzone = \"eu-1a\"\n" + user + zones).empty());
  CHECK(warnings_of(one_cluster) ==
        lines{"f:1:1: user: there is none, so nobody can log in; wanted [[user]] or auth.users_file"});
  CHECK(warnings_of("[auth]\ntype = \"trust\"" + one_cluster).empty());
  CHECK(warnings_of("[listen]\naddresses = [\"*\"]\n[[user]]\nname = \"u\"\npassword = \"p\"" + one_cluster).empty());
  CHECK(warnings_of("[auth]\ntype = \"trust\"\n[listen]\naddresses = [\"127.0.0.1:1\", \"*:2\"]" + one_cluster) ==
        lines{R"(f:4:29: listen.addresses: with auth.type = "trust" whoever reaches *:2 can be any user)"});
  CHECK(warnings_of("[[user]]\nname = \"u\"\nsecret = \"" + md5_secret + "\"" + one_cluster) ==
        lines{R"(f:3:10: user.secret: "u" cannot log in: an md5 secret does not do for auth.type = "scram-sha-256")"});
}

}  // namespace
}  // namespace forebay::config
