#include "admin/result.hpp"

#include <doctest/doctest.h>

#include "admin/columns.hpp"
#include "admin/command.hpp"
#include "protocol/wire/rows.hpp"

namespace forebay::admin {
namespace {

constexpr column three[] = {{"t"}, {"i", column_type::int4}, {"b", column_type::int8}};

std::string described(const formats& how = {}) {
  std::string bytes;
  wire::writer w(bytes);
  append_row_description(w, three, how);
  return bytes.substr(5);
}

std::vector<std::optional<std::string>> encoded(const row& r, const formats& how = {}) {
  std::string bytes;
  wire::writer w(bytes);
  append_rows(w, three, std::span(&r, 1), how);
  const auto body = bytes.substr(5);
  const auto message = wire::data_row::decode(body);
  REQUIRE(message.has_value());
  std::vector<std::optional<std::string>> out;
  for (const auto& v : message->values)
    out.push_back(v ? std::optional(std::string(*v)) : std::nullopt);
  return out;
}

using namespace std::string_literals;

TEST_CASE("columns are text, int and bigint") {
  const auto body = described();
  const auto message = wire::row_description::decode(body);
  REQUIRE(message.has_value());
  REQUIRE(message->fields.size() == 3);
  CHECK(message->fields[0].type_oid == 25);
  CHECK(message->fields[0].type_size == -1);
  CHECK(message->fields[1].type_oid == 23);
  CHECK(message->fields[1].type_size == 4);
  CHECK(message->fields[2].type_oid == 20);
  CHECK(message->fields[2].type_size == 8);
  CHECK(message->fields[2].name == "b");
  CHECK(message->fields[2].format == 0);
  const auto mixed_body = described({0, 1, 0});
  CHECK(wire::row_description::decode(mixed_body)->fields[1].format == 1);
}

TEST_CASE("values as text and as binary") {
  const row r{std::string("a"), number(-2), number(258)};
  CHECK(encoded(r)[0] == "a");
  CHECK(encoded(r)[1] == "-2");
  CHECK(encoded(r)[2] == "258");
  CHECK(encoded(r, {1})[0] == "a");
  CHECK(encoded(r, {1})[1] == "\xff\xff\xff\xfe"s);
  CHECK(encoded(r, {1})[2] == "\0\0\0\0\0\0\1\2"s);
  CHECK(encoded(r, {0, 0, 1})[1] == "-2");
  CHECK(encoded({cell(), cell(), cell()}) == std::vector<std::optional<std::string>>(3));
}

TEST_CASE("a number is shown as the nearest that fits") {
  CHECK(encoded({cell(), number(std::int64_t{1} << 40), number(UINT64_MAX)})[1] == "2147483647");
  CHECK(encoded({cell(), number(std::int64_t{1} << 40), number(UINT64_MAX)}, {1})[1] == "\x7f\xff\xff\xff"s);
  CHECK(encoded({cell(), number(0), number(UINT64_MAX)})[2] == "9223372036854775807");
}

std::string names(columns all) {
  std::string out;
  for (const auto& c : all)
    out += (out.empty() ? "" : ",") + std::string(c.name);
  return out;
}

TEST_CASE("PgBouncer's columns come first") {
  CHECK(
      names(shown::pools)
          .starts_with(
              "database,user,cl_active,cl_waiting,cl_active_cancel_req,cl_waiting_cancel_req,sv_active,sv_active_"
              "cancel,"
              "sv_being_canceled,sv_idle,sv_used,sv_tested,sv_login,maxwait,maxwait_us,pool_mode,load_balance_hosts"));
  CHECK(names(shown::sockets) ==
        "type,user,database,replication,state,addr,port,local_addr,local_port,connect_time,request_time,wait,wait_us,"
        "close_needed,ptr,link,remote_pid,tls,application_name,prepared_statements,id,pin_reason,server_pid");
  CHECK(names(shown::config) == "key,value,default,changeable");
  CHECK(names(shown::lists) == "list,items");
  CHECK(std::size(shown::stats) == 23);
  CHECK(std::size(shown::half_stats) == 12);
}

TEST_CASE("the help has every command an operator uses") {
  const auto help = help_text();
  for (const auto& c : all_commands()) {
    CAPTURE(c.words);
    if (c.needed == right::admin) CHECK_FALSE(c.help.empty());
    if (!c.help.empty()) CHECK(help.find("\t" + std::string(c.words) + " ") != std::string::npos);
  }
}

}  // namespace
}  // namespace forebay::admin
