#include "tests/unit/session/dialogue.hpp"

#include <doctest/doctest.h>

#include <sstream>

#include "protocol/wire/messages.hpp"
#include "protocol/wire/trace.hpp"

namespace forebay::test {
namespace {

using words = std::vector<std::string>;

// Cuts at `end` outside of quotes and brackets.
std::vector<std::string> cut(std::string_view text, char end) {
  std::vector<std::string> parts(1);
  bool quoted = false;
  int depth = 0;
  for (const char c : text) {
    if (c == '\'' && depth == 0) quoted = !quoted;
    if (!quoted) depth += c == '[' ? 1 : c == ']' ? -1 : 0;
    if (c == end && !quoted && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::string trim(std::string text) {
  text.erase(0, text.find_first_not_of(" \t\n"));
  text.erase(text.find_last_not_of(" \t\n") + 1);
  return text;
}

std::string server_name(std::string_view query) {
  return intern_statement(query, wire::parse{}.parameter_types, nullptr)->server_name;
}

// [text] anywhere becomes the name that servers have for it; the innermost first.
std::string with_names(std::string text) {
  for (auto at = text.rfind('['); at != std::string::npos; at = text.rfind('[')) {
    const auto end = text.find(']', at);
    text.replace(at, end - at + 1, server_name(text.substr(at + 1, end - at - 1)));
  }
  return text;
}

words to_words(std::string_view text) {
  words list;
  for (auto word : cut(text, ' ')) {
    if (word.empty()) continue;
    if (word == "-") word.clear();
    std::string plain;
    for (std::size_t i = 0; i < word.size(); ++i) {
      if (word[i] != '\'') {
        plain += word[i];
      } else if (i > 0 && i + 2 < word.size() && word[i + 1] == '\'') {
        plain += word[i++];
      }
    }
    list.push_back(with_names(plain));
  }
  list.resize(4);
  return list;
}

template <class Message>
std::string bytes_of(const Message& m) {
  return wire::encode(m);
}

std::string error_bytes(const words& w, std::string_view severity) {
  wire::error_response error{{{'S', severity}, {'V', severity}, {'C', w[1]}, {'M', w[2]}, {'P', "8"}}};
  if (!w[3].empty()) error.fields.emplace_back('R', w[3]);
  return bytes_of(error);
}

}  // namespace

std::string message(std::string_view text, bool from_server) {
  const auto w = to_words(text);
  const auto& name = w[0];
  std::vector<std::optional<std::string_view>> row;
  if (!w[1].empty()) row.emplace_back(w[1]);
  if (from_server) {
    if (name == "ParseComplete") return bytes_of(wire::parse_complete{});
    if (name == "BindComplete") return bytes_of(wire::bind_complete{});
    if (name == "CloseComplete") return bytes_of(wire::close_complete{});
    if (name == "NoData") return bytes_of(wire::no_data{});
    if (name == "Parameters") return bytes_of(wire::parameter_description{});
    if (name == "Columns") return bytes_of(wire::row_description{});
    if (name == "Row") return bytes_of(wire::data_row{row});
    if (name == "Complete") return bytes_of(wire::command_complete{w[1]});
    if (name == "Empty") return bytes_of(wire::empty_query_response{});
    if (name == "Suspended") return bytes_of(wire::portal_suspended{});
    if (name == "Ready") return bytes_of(wire::ready_for_query{w[1][0]});
    if (name == "Error") return error_bytes(w, "ERROR");
    if (name == "Fatal") return error_bytes(w, "FATAL");
    if (name == "Notice") return bytes_of(wire::notice_response{{{'S', "NOTICE"}, {'M', w[1]}}});
    if (name == "Setting") return bytes_of(wire::parameter_status{w[1], w[2]});
    if (name == "Notification") return bytes_of(wire::notification_response{7, w[1], w[2]});
    if (name == "CopyIn") return bytes_of(wire::copy_in_response{});
    if (name == "CopyOut") return bytes_of(wire::copy_out_response{});
    if (name == "CopyData") return bytes_of(wire::copy_data{w[1]});
    if (name == "CopyDone") return bytes_of(wire::copy_done{});
    if (name == "Result") return bytes_of(wire::function_call_response{w[1]});
  } else {
    if (name == "Query") return bytes_of(wire::query{w[1]});
    if (name == "Parse") return bytes_of(wire::parse{w[1], w[2]});
    if (name == "Bind") return bytes_of(wire::bind{w[2], w[1], {}, {"value"}, {}});
    if (name == "Describe") return bytes_of(wire::describe{'S', w[1]});
    if (name == "DescribePortal") return bytes_of(wire::describe{'P', w[1]});
    if (name == "Close") return bytes_of(wire::close{'S', w[1]});
    if (name == "ClosePortal") return bytes_of(wire::close{'P', w[1]});
    if (name == "Execute") return bytes_of(wire::execute{w[1]});
    if (name == "Sync") return bytes_of(wire::sync{});
    if (name == "Flush") return bytes_of(wire::flush{});
    if (name == "FunctionCall") return bytes_of(wire::function_call{});
    if (name == "CopyData") return bytes_of(wire::copy_data{w[1]});
    if (name == "CopyDone") return bytes_of(wire::copy_done{});
    if (name == "CopyFail") return bytes_of(wire::copy_fail{w[1]});
  }
  FAIL("no such message: " << text);
  return {};
}

std::string describe(std::string_view bytes, bool from_server) {
  const auto from = from_server ? wire::sender::backend : wire::sender::frontend;
  wire::framer framer;
  std::string text;
  while (true) {
    const auto next = framer.next(bytes);
    if (!next || !*next) break;
    text += "\n  " + wire::trace(from, **next);
  }
  if (!bytes.empty()) text += "\n  and " + std::to_string(bytes.size()) + " bytes of the next";
  return text;
}

template <class Function>
void dialogue::event(Function what) {
  gather to_server, to_client;
  exchange talk(clients_[client_].state, servers_[server_], to_server, to_client, sql_);
  what(talk);
  to_server.append_to(to_server_, 0);
  to_client.append_to(to_client_, 0);
}

void dialogue::from_client(std::string_view bytes) {
  auto& c = clients_[client_];
  const auto all = std::exchange(c.kept, {}) + std::string(bytes);
  event([&](exchange& talk) {
    std::string_view in = all;
    while (!client_error) {
      const auto framer_before = c.framer;
      const auto in_before = in;
      const auto next = c.framer.next(in);
      REQUIRE(next.has_value());
      if (!*next) break;
      if (talk.must_wait(**next)) {
        talk.hasten(**next);
      }
      if (talk.must_wait(**next)) {
        c.framer = framer_before;
        in = in_before;
        break;
      }
      client_error = talk.request(**next);
    }
    c.kept = in;
  });
}

void dialogue::from_server(std::string_view bytes) {
  const auto all = std::exchange(kept_of_servers_[server_], {}) + std::string(bytes);
  event([&](exchange& talk) {
    std::string_view in = all;
    while (progress == exchange::progress::more) {
      const auto next = servers_[server_].framer.next(in);
      REQUIRE(next.has_value());
      if (!*next) break;
      progress = talk.reply(**next);
      if (progress != exchange::progress::more) farewell = talk.farewell();
    }
    kept_of_servers_[server_] = in;
  });
  from_client({});  // what had to wait
}

bool dialogue::releasable() {
  bool answer = false;
  event([&](exchange& talk) { answer = talk.releasable(); });
  return answer;
}

void dialogue::expect(std::string& got, const std::string& messages, bool from_server) {
  std::string wanted;
  for (const auto& each : cut(messages, ';')) {
    if (!trim(each).empty()) wanted += message(trim(each), from_server);
  }
  const auto taken = got.substr(0, wanted.size());
  got.erase(0, taken.size());
  if (taken == wanted) return;
  CHECK_EQ(describe(taken + got, from_server), describe(wanted, from_server));
  CHECK_MESSAGE(taken == wanted, "other bytes");
  got.clear();
}

void dialogue::nothing_left(const std::string& line) {
  INFO("before " << line);
  if (!to_server_.empty()) CHECK_EQ(describe(std::exchange(to_server_, {}), false), "");
  if (!to_client_.empty()) CHECK_EQ(describe(std::exchange(to_client_, {}), true), "");
}

void dialogue::look(const std::string& what) {
  const auto w = to_words(what);
  const auto& c = clients_[client_].state;
  const auto& s = servers_[server_];
  const auto& word = w[0];
  if (word == "releasable" || word == "not") {
    CHECK_EQ(releasable(), word == "releasable");
  } else if (word == "pinned" || word == "unpinned") {
    CHECK_EQ(to_text(c.pin), std::string_view(w[1]));
  } else if (word == "prepared") {
    CHECK_EQ(std::to_string(s.prepared.size()), w[1]);
  } else if (word == "transactions") {
    CHECK_EQ(std::to_string(c.transactions), w[1]);
  } else if (word == "queries") {
    CHECK_EQ(std::to_string(c.queries), w[1]);
  } else if (word == "reset" || word == "clean") {
    CHECK_EQ(s.left != 0, word == "reset");
  } else if (word == "violation") {
    CHECK(progress == exchange::progress::violation);
  } else if (word == "farewell" || word == "forbidden") {
    CHECK(progress == (word == "farewell" ? exchange::progress::farewell : exchange::progress::forbidden));
    CHECK_EQ(farewell.sqlstate + ' ' + farewell.message, w[1] + ' ' + w[2]);
  } else {
    FAIL("what is " << what);
  }
}

void dialogue::play(std::string_view script) {
  std::istringstream lines{std::string(script)};
  std::string line, last;
  while (std::getline(lines, line)) {
    line = trim(line);
    if (line.empty() || line[0] == '#') continue;
    CAPTURE(line);
    std::string mark, rest = line;
    for (const auto* each : {"client:", "server:", "to client:", "to server:", "==", "="}) {
      if (line.rfind(each, 0) != 0) continue;
      mark = each;
      rest = line.substr(mark.size());
      break;
    }
    if (mark.empty()) mark = last;
    last = mark;
    if (mark.rfind("to", 0) != 0) nothing_left(line);
    if (mark == "==") {
      const auto w = to_words(rest);
      client_ = w[0];
      server_ = w[2];
    } else if (mark == "=") {
      for (const auto& each : cut(rest, ','))
        look(trim(each));
    } else if (mark == "to server:") {
      expect(to_server_, rest, false);
    } else if (mark == "to client:") {
      expect(to_client_, rest, true);
    } else {
      std::string bytes;
      for (const auto& each : cut(rest, ';')) {
        if (!trim(each).empty()) bytes += message(trim(each), mark == "server:");
      }
      if (mark == "client:") {
        from_client(bytes);
      } else {
        from_server(bytes);
      }
    }
  }
  nothing_left("the end");
}

}  // namespace forebay::test
