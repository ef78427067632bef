#include "config/describe.hpp"
#include "support.hpp"

// No message may hold a secret, whatever is wrong around it.
namespace forebay::config {
namespace {

constexpr std::string_view hunter = "hunter2";

void check_silent(const loaded& result) {
  for (const auto* problems : {&result.errors, &result.warnings})
    for (const auto& each : *problems)
      CHECK(to_string(each).find(hunter) == std::string::npos);
  if (!result.settings) return;
  for (const auto& each : describe(*result.settings))
    CHECK((each.key + each.value).find(hunter) == std::string::npos);
}

TEST_CASE("mistakes in and around secrets do not show them") {
  for (const auto* value :
       {"\"hunter2\"", "hunter2", "\"hunter2", "\"hun\\qter2hunter2\"", "{ a = \"hunter2\" }", "[ \"hunter2\" ]",
        "\"x\" hunter2", "0xhunter2", "tru_hunter2", "\"SCRAM-SHA-256$hunter2\"", "\"md5hunter2\"", "'hunter2\\u0000'",
        "\"\"\"hunter2", "2026-99-99hunter2", "\"hunter2\\u0000\""}) {
    for (const auto* table :
         {"[[user]]\nname = \"u\"\npassword = ", "[[user]]\nname = \"u\"\nsecret = ",
          "[[database]]\nname = \"d\"\npassword = ", "[[database]]\nname = \"d\"\nuser = \"u\"\npassword = ",
          "[[cluster]]\npassword = ", "[auth]\nquery_password = ", "[[user]]\npasswrod = "}) {
      const auto text = std::string(table) + value + one_cluster;
      CAPTURE(text);
      check_silent(load_text(text, "f"));
    }
  }
}

TEST_CASE("a secret of digits without quotes is not shown either") {
  for (const auto* value : {"123456789012345678901234567890", "0x123456789012345678901234567890",
                            "-1234567890123456789012", "12345678", "1.2345678e99999", "1234567e1234567"}) {
    const auto result = load_text(std::string("[[user]]\nname = \"u\"\npassword = ") + value + one_cluster, "f");
    CAPTURE(value);
    REQUIRE_FALSE(result.errors.empty());
    for (const auto& each : result.errors)
      CHECK(to_string(each).find("345") == std::string::npos);
  }
}

}  // namespace
}  // namespace forebay::config
