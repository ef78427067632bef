#include "config/users_file.hpp"

#include <filesystem>
#include <fstream>

#include "support.hpp"

namespace forebay::config {
namespace {

// A folder with forebay.toml and users.txt for one test.
struct folder {
  std::filesystem::path path;

  folder() {
    auto name = (std::filesystem::temp_directory_path() / "forebay-config-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()));
    path = name;
  }
  ~folder() { std::filesystem::remove_all(path); }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;

  void write(const std::string& name, std::string_view text,
             std::filesystem::perms mode = std::filesystem::perms{0600}) {
    std::ofstream(path / name) << text;
    std::filesystem::permissions(path / name, mode);
  }
  loaded load(std::string_view users, std::string text = "[auth]\nusers_file = \"users.txt\"") {
    write("users.txt", users);
    write("forebay.toml", text + one_cluster);
    return load_file(path / "forebay.toml");
  }
  lines errors(std::string_view users,
               std::string text = "[auth]\nusers_file = \"users.txt\"") {  // names without the folder
    auto out = lines_of(load(users, std::move(text)).errors);
    for (auto& each : out)
      for (auto at = each.find(path.string()); at != each.npos; at = each.find(path.string()))
        each.erase(at, path.string().size() + 1);
    return out;
  }
};

TEST_CASE("users of PgBouncer's file") {
  folder here;
  const auto result = here.load("; comment\n# another\n\r\n\"alice\" \"pa\"\"ss\" ignored\r\n  \"bo\"\"b\"\t\"" +
                                scram_secret + "\"\n\"carol\" \"" + md5_secret + "\"\n\"dave\" \"md5 of mine\"");
  REQUIRE(result.settings);
  const auto& users = result.settings->users;
  REQUIRE(users.size() == 4);
  CHECK(users[0].name == "alice");
  CHECK(users[0].password == "pa\"ss");
  CHECK(users[1].name == "bo\"b");
  CHECK(users[1].secret == scram_secret);
  CHECK(users[1].password.empty());
  CHECK(users[2].secret == md5_secret);
  CHECK(users[3].password == "md5 of mine");
}

TEST_CASE("users of both files: the configuration's first, completed by the other") {
  folder here;
  const auto result = here.load("\"app\" \"from users.txt\"\n\"more\" \"x\"\n",
                                "[auth]\nusers_file = \"users.txt\"\n[[user]]\nname = \"root\"\npassword = \"r\"\n"
                                "[[user]]\nname = \"app\"\nadmin = true");
  REQUIRE(result.settings);
  const auto& s = *result.settings;
  REQUIRE(s.users.size() == 3);
  CHECK(s.users[0].name == "root");
  CHECK(s.find_user("app")->admin);
  CHECK(s.find_user("app")->password == "from users.txt");
  CHECK(s.users[2].name == "more");
}

TEST_CASE("mistakes have the place in their own file") {
  folder here;
  CHECK(here.errors("\"a\" \"x\"\nb \"x\"\n") ==
        lines{R"(users.txt:2:1: user: wanted a name in quotes, as in "app" "password")"});
  CHECK(here.errors("\"b\n") == lines{R"(users.txt:1:1: user: wanted a name in quotes, as in "app" "password")"});
  CHECK(here.errors("  \"b\" hunter2\n") ==
        lines{"users.txt:1:7: user: wanted a password or a secret in quotes after the name"});
  CHECK(here.errors("\"b\" \"hunter2\n") ==
        lines{"users.txt:1:5: user: wanted a password or a secret in quotes after the name"});
  CHECK(here.errors("\"b\"\n") == lines{"users.txt:1:4: user: wanted a password or a secret in quotes after the name"});
  CHECK(here.errors("\"\" \"x\"\n") == lines{"users.txt:1:1: user.name: must not be empty"});
  CHECK(
      here.errors("\"b\" \"\"\n") ==
      lines{R"(users.txt:1:1: user: "b" has neither password nor secret, and auth.type = "scram-sha-256" needs one)"});
  CHECK(here.errors("\"b\" \"SCRAM-SHA-256$hunter2\"\n") ==
        lines{"users.txt:1:5: user.secret: not a secret as PostgreSQL stores it; wanted "
              "\"SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>\" or \"md5\" and 32 hexadecimal digits (a "
              "password in clear goes under password)"});
  CHECK(here.errors("\"b\" \"x\"\n\"b\" \"y\"\n") ==
        lines{R"(users.txt:2:1: user.name: "b" is already the name of a user (users.txt:1))"});
  CHECK(here.errors("\"b\" \"y\"\n", "[auth]\nusers_file = \"users.txt\"\n[[user]]\nname = \"b\"\npassword = \"x\"") ==
        lines{R"(users.txt:1:1: user.name: "b" is already the name of a user (line 4))"});
}

TEST_CASE("a users_file that is not there is the only error about users") {
  folder here;
  CHECK(here.errors("", "[auth]\nusers_file = \"nope.txt\"\n[[user]]\nname = \"b\"") ==
        lines{R"(forebay.toml:2:14: auth.users_file: "nope.txt" cannot be read: No such file or directory)"});
  CHECK(here.errors("", "[auth]\nusers_file = \".\"").size() == 1);
}

TEST_CASE("a users_file that everybody can read is a warning") {
  folder here;
  here.load("\"a\" \"x\"\n");
  here.write("users.txt", "\"a\" \"x\"\n", std::filesystem::perms{0644});
  const auto result = load_file(here.path / "forebay.toml");
  CHECK(result.settings);
  REQUIRE(result.warnings.size() == 1);
  CHECK(result.warnings[0].line == 2);
  CHECK(result.warnings[0].text.find("can be read by everybody") != std::string::npos);
  here.write("users.txt", "\"a\" \"x\"\n", std::filesystem::perms{0640});
  CHECK(load_file(here.path / "forebay.toml").warnings.empty());
}

TEST_CASE("a file of many users is quick") {
  folder here;
  std::string users;
  for (int i = 0; i < 20000; ++i)
    users += "\"user" + std::to_string(i) + "\" \"x\"\n";
  const auto start = std::chrono::steady_clock::now();
  CHECK(here.load(users).settings->users.size() == 20000);
  CHECK(std::chrono::steady_clock::now() - start < 5s);
}

}  // namespace
}  // namespace forebay::config
