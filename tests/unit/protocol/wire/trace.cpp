#include "protocol/wire/trace.hpp"

#include "protocol/wire/messages.hpp"
#include "support.hpp"

using namespace forebay::wire;
using namespace forebay::wire::test;

namespace {

std::string traced(sender from, std::string_view bytes) {
  return trace(from, bytes.front(), body_of(bytes));
}
template <class Message>
std::string client(const Message& m) {
  return traced(sender::frontend, encode(m));
}
template <class Message>
std::string server(const Message& m) {
  return traced(sender::backend, encode(m));
}

}  // namespace

TEST_CASE("trace: what a client says") {
  CHECK(client(query{"select 1"}) == R"(F 13 Query "select 1")");
  CHECK(client(parse{"s", "select $1", "\0\x01\0\0\0\x17"sv}) == R"(F 22 Parse "s" "select $1" 1 23)");
  CHECK(client(bind{"", "s", {0}, {"1"sv, std::nullopt}, {1}}) == R"(F 26 Bind "" "s" 1 0 2 1 '1' -1 1 1)");
  CHECK(client(describe{'P', ""}) == R"(F 6 Describe P "")");
  CHECK(client(forebay::wire::close{'S', "s"}) == R"(F 7 Close S "s")");
  CHECK(client(execute{"", 10}) == R"(F 9 Execute "" 10)");
  CHECK(client(forebay::wire::sync{}) == "F 4 Sync");
  CHECK(client(flush{}) == "F 4 Flush");
  CHECK(client(terminate{}) == "F 4 Terminate");
  CHECK(client(copy_data{"1\n"}) == R"(F 6 CopyData '1\x0a')");
  CHECK(client(copy_done{}) == "F 4 CopyDone");
  CHECK(client(copy_fail{"no"}) == R"(F 7 CopyFail "no")");
  CHECK(client(function_call{77, {1}, {"x"sv}, 1}) == "F 21 FunctionCall 77 1 1 1 1 'x' 1");
}

TEST_CASE("trace: what a server says") {
  CHECK(server(authentication{}) == "B 8 Authentication 0");
  CHECK(traced(sender::backend, authentication::sasl({"SCRAM-SHA-256"})) ==
        R"(B 23 Authentication 10 "SCRAM-SHA-256")");
  CHECK(server(parameter_status{"TimeZone", "UTC"}) == R"(B 17 ParameterStatus "TimeZone" "UTC")");
  CHECK(server(negotiate_protocol_version{196608, {"_pq_.x"}}) == R"(B 19 NegotiateProtocolVersion 196608 1 "_pq_.x")");
  CHECK(server(ready_for_query{'T'}) == "B 5 ReadyForQuery T");
  CHECK(server(parse_complete{}) == "B 4 ParseComplete");
  CHECK(server(bind_complete{}) == "B 4 BindComplete");
  CHECK(server(close_complete{}) == "B 4 CloseComplete");
  CHECK(server(no_data{}) == "B 4 NoData");
  CHECK(server(portal_suspended{}) == "B 4 PortalSuspended");
  CHECK(server(empty_query_response{}) == "B 4 EmptyQueryResponse");
  CHECK(server(parameter_description{{23, 25}}) == "B 14 ParameterDescription 2 23 25");
  CHECK(server(row_description{{{"id", 16384, 1, 23, 4, -1, 0}}}) == R"(B 27 RowDescription 1 "id" 16384 1 23 4 -1 0)");
  CHECK(server(data_row{{"1"sv, std::nullopt, ""sv}}) == "B 19 DataRow 3 1 '1' -1 0 ''");
  CHECK(server(command_complete{"SELECT 1"}) == R"(B 13 CommandComplete "SELECT 1")");
  CHECK(server(copy_data{"x"}) == "B 5 CopyData 'x'");
  CHECK(server(copy_done{}) == "B 4 CopyDone");
  CHECK(server(copy_in_response{0, {0, 1}}) == "B 11 CopyInResponse 0 2 0 1");
  CHECK(server(copy_out_response{1, {}}) == "B 7 CopyOutResponse 1 0");
  CHECK(server(copy_both_response{0, {}}) == "B 7 CopyBothResponse 0 0");
  CHECK(server(pg_error::fatal("57P01", "bye")) == R"(B 31 ErrorResponse S "FATAL" V "FATAL" C "57P01" M "bye")");
  CHECK(server(notice_response{{{'M', "hm"}}}) == R"(B 9 NoticeResponse M "hm")");
  CHECK(server(notification_response{7, "c", "p"}) == R"(B 12 NotificationResponse 7 "c" "p")");
  CHECK(server(function_call_response{"x"sv}) == "B 9 FunctionCallResponse 1 'x'");
  CHECK(server(function_call_response{}) == "B 8 FunctionCallResponse -1");
}

TEST_CASE("trace: the first packets") {
  const auto first = [](const auto& m) { return trace_startup(std::string_view(encode(m)).substr(4)); };
  CHECK(first(startup_message{startup_message::version_3_2, {{"user", "u"}, {"database", "d"}}}) ==
        R"(F 27 StartupMessage 3 2 2 "user" "u" "database" "d")");
  CHECK(first(ssl_request{}) == "F 8 SSLRequest");
  CHECK(first(gssenc_request{}) == "F 8 GSSENCRequest");
  CHECK(first(cancel_request{4711, "SECRET"}) == "F 18 CancelRequest 4711");
  CHECK(trace_startup("\0\x03\0\0user"sv) == "F 12 StartupPacket malformed: message ends inside a field");
}

TEST_CASE("trace: secrets are not shown") {
  constexpr auto secret = "SECRET";
  CHECK(client(password_message{secret}) == "F 11 PasswordMessage");
  CHECK(client(sasl_initial_response{"SCRAM-SHA-256", true, secret}) == "F 28 PasswordMessage");
  CHECK(client(sasl_response{secret}) == "F 10 PasswordMessage");
  CHECK(server(authentication{auth_code::sasl_continue, secret}) == "B 14 Authentication 11");
  CHECK(server(authentication{auth_code::sasl_final, secret}) == "B 14 Authentication 12");
  CHECK(server(authentication{auth_code::gss_continue, secret}) == "B 14 Authentication 8");
  CHECK(server(authentication{auth_code::md5_password, "SALT"}) == "B 12 Authentication 5");
  CHECK(server(backend_key_data{7, secret}) == "B 14 BackendKeyData 7");
}

TEST_CASE("trace: a line stays a line, and a quote a quote") {
  CHECK(client(query{"a\n\"b\" \\ 'c' \xc3\xa4\x7f"}) == R"(F 20 Query "a\x0a\x22b\x22 \x5c 'c' \xc3\xa4\x7f")");
  CHECK(server(data_row{{"'\0"sv}}) == R"(B 12 DataRow 1 2 '\x27\x00')");
}

TEST_CASE("trace: what is no message") {
  CHECK(trace(sender::frontend, 'Q', "select 1") == "F 12 Query malformed: message ends inside a field");
  CHECK(trace(sender::backend, 'Z', "x") == "B 5 ReadyForQuery malformed: field holds an impossible value");
  CHECK(trace(sender::backend, 'Q', "x") == "B 5 unknown Q");
  CHECK(trace(sender::frontend, '\0', "") == R"(F 4 unknown \x00)");
}

TEST_CASE("trace: a large message has one line, for its first piece") {
  CHECK(trace(sender::backend, piece{'d', 70'000, "d....xyz", true, false}) == "B 70004 CopyData ...");
  CHECK(trace(sender::frontend, piece{'p', 70'000, "p....SECRET", true, false}) == "F 70004 PasswordMessage");
  CHECK(trace(sender::backend, piece{'d', 70'000, "xyz", false, false}).empty());
  CHECK(trace(sender::backend, piece{'d', 70'000, "xyz", false, true}).empty());
  CHECK(trace(sender::backend, piece{'d', 3, "d....xyz", true, true}) == "B 7 CopyData 'xyz'");
}

TEST_CASE("trace: every type of the two lists has its name") {
  const auto check_all = [](const auto& list, sender from) {
    std::apply(
        [&](const auto&... n) {
          const auto check = [&]<class Message>(const named<Message>& entry) {
            if (Message::type == 'p') return;
            const auto text = trace(from, Message::type, "");
            CHECK(text.substr(4, entry.name.size()) == entry.name);
          };
          (check(n), ...);
        },
        list);
  };
  check_all(frontend_messages, sender::frontend);
  check_all(backend_messages, sender::backend);
}
