#include "core/password.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace forebay {
namespace {

password_source command(std::string text, std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
  password_source made;
  made.from = password_source::kind::command;
  made.where = std::move(text);
  made.timeout = timeout;
  return made;
}

std::shared_ptr<password_lookup> ended(std::shared_ptr<password_lookup> one) {
  pollfd wanted{one->fd(), POLLIN, 0};
  if (!one->ended()) REQUIRE(poll(&wanted, 1, 30'000) == 1);
  REQUIRE(one->ended());
  return one;
}

TEST_CASE("the text itself") {
  const auto found = ended(password_lookup::start("secret"));
  CHECK(found->value() == "secret");
  CHECK(found->error().empty());
  CHECK(password_source().empty());
  CHECK_FALSE(command("x").empty());
}

TEST_CASE("a file, read each time") {
  auto name = (std::filesystem::temp_directory_path() / "forebay-password-XXXXXX").string();
  REQUIRE(mkdtemp(name.data()));
  password_source file;
  file.from = password_source::kind::file;
  file.where = name + "/token";
  const auto value = [&] { return ended(password_lookup::start(file))->value(); };
  const auto error = [&] { return ended(password_lookup::start(file))->error(); };
  CHECK(error().find("token\" cannot be read: No such file") != std::string::npos);
  std::ofstream(file.where) << "one\n";
  CHECK(value() == "one");
  std::ofstream(file.where) << "t w o \r\n";
  CHECK(value() == "t w o ");
  std::ofstream(file.where) << std::string(50'000, 'x');
  CHECK(value().size() == 50'000);
  std::ofstream(file.where) << std::string(70'000, 'x');
  CHECK(error().find("File too large") != std::string::npos);
  std::ofstream(file.where) << "\n";
  CHECK(error().find("is empty") != std::string::npos);
  file.where = name;
  CHECK(error().find("Is a directory") != std::string::npos);
  std::filesystem::remove_all(name);
}

TEST_CASE("a command's output") {
  CHECK(ended(password_lookup::start(command("echo tok en")))->value() == "tok en");
  CHECK(ended(password_lookup::start(command("echo secret; exit 3")))->error() ==
        "the password's command failed: exit status 3");
  CHECK(ended(password_lookup::start(command("echo secret; exit 3")))->value().empty());
  CHECK(ended(password_lookup::start(command("true")))->error() == "the output of the password's command is empty");
  CHECK(ended(password_lookup::start(command("kill -9 $$")))->error() ==
        "the password's command failed: ended by signal 9");
  CHECK(ended(password_lookup::start(command("yes")))->error().find("more than a password") != std::string::npos);
  CHECK(ended(password_lookup::start(command("sleep 60 & echo x; wait", std::chrono::milliseconds(50))))
            ->error()
            .find("not ended within 50 ms") != std::string::npos);
}

TEST_CASE("one run for all who ask meanwhile") {
  auto name = (std::filesystem::temp_directory_path() / "forebay-once-XXXXXX").string();
  REQUIRE(mkdtemp(name.data()));
  REQUIRE(mkfifo((name + "/go").c_str(), 0600) == 0);
  const auto once = command("read x < " + name + "/go; echo $$");
  const auto first = password_lookup::start(once), second = password_lookup::start(once);
  CHECK(first == second);
  std::ofstream(name + "/go") << "now\n";
  const auto value = ended(first)->value();
  CHECK_FALSE(value.empty());
  const auto third = password_lookup::start(once);
  CHECK(third != first);
  std::ofstream(name + "/go") << "now\n";
  CHECK(ended(third)->value() != value);
  std::filesystem::remove_all(name);
}

}  // namespace
}  // namespace forebay
