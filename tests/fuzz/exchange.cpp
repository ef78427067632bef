#include "session/exchange.hpp"

#include "input.hpp"
#include "protocol/wire/copy.hpp"
#include "protocol/wire/extended.hpp"
#include "protocol/wire/query.hpp"
#include "protocol/wire/rows.hpp"
#include "protocol/wire/status.hpp"

// A client and a server that say anything at all, with the exchange between them: what either gets is messages, whole
// ones whenever the other is between two of its own.
namespace forebay::fuzz {
namespace {

class relay {
 public:
  explicit relay(input& in) {
    client_.mode = in.below(4) == 3 ? config::pool_mode::session : config::pool_mode::transaction;
    if (in.below(4) == 3) client_.on_session_state = config::session_state_policy::refuse;
    if (in.below(2))
      client_.settings.wanted = parameter_set::intern({{"work_mem", "1MB", false}, {"TimeZone", "UTC", true}});
    client_.settings.at_login = client_.settings.wanted;
    attach();
  }

  // False: the session is over.
  bool from_client(std::string_view bytes) {
    client_bytes_ += bytes;
    std::string_view in = client_bytes_;
    while (true) {
      const auto next = client_framer_.next(in);
      if (!next) return false;
      if (!*next) break;
      if ((*next)->type == 'X' || conversation().request(**next)) return false;
      check();
    }
    client_bytes_.erase(0, client_bytes_.size() - in.size());
    return true;
  }

  bool from_server(std::string_view bytes) {
    server_bytes_ += bytes;
    std::string_view in = server_bytes_;
    while (true) {
      const auto next = server_->framer.next(in);
      if (!next) return false;
      if (!*next) break;
      if (conversation().reply(**next) != exchange::progress::more) return false;
      check();
    }
    server_bytes_.erase(0, server_bytes_.size() - in.size());
    return true;
  }

  // Where the session may: the next request meets another server.
  void change_server() {
    const bool between = client_framer_.at_boundary() || client_.rest != client_state::rest::forward;
    if (between && server_bytes_.empty() && server_->framer.at_boundary() && conversation().releasable()) attach();
  }
  void lose_client() { client_.gone = true; }

 private:
  void attach() {
    server_ = std::make_unique<server_state>();
    server_->max_prepared = 2;
    to_server_stream_ = {};
  }
  exchange conversation() { return {client_, *server_, to_server_, to_client_, sql_}; }

  // After each piece, as what was gathered points into it.
  void check() {
    std::string bytes;
    to_server_.append_to(bytes, 0);
    expect(bytes.size() == to_server_.size());
    to_server_.clear();
    expect(to_server_stream_.feed(bytes));
    if (client_framer_.at_boundary()) expect(to_server_stream_.at_boundary());
    bytes.clear();
    to_client_.append_to(bytes, 0);
    to_client_.clear();
    if (client_.gone) return;
    expect(to_client_stream_.feed(bytes));
    if (server_->framer.at_boundary()) expect(to_client_stream_.at_boundary());
  }

  client_state client_;
  std::unique_ptr<server_state> server_;
  classifier sql_;
  gather to_server_, to_client_;
  wire::framer client_framer_;
  std::string client_bytes_, server_bytes_;
  reframed to_server_stream_, to_client_stream_;
};

std::string large(input& in) {
  const auto type = in.u8();
  const auto text = in.text();
  const std::size_t size = text.size() + in.u8() * 256;
  return static_cast<char>(type) + in_u32(static_cast<std::uint32_t>(size + 4)) + std::string(text) +
         std::string(size - text.size(), 'x');
}

void run(std::string_view bytes) {
  input in(bytes);
  relay r(in);
  std::string kept[2];  // of a message of which a part is held back: 0 the client's, 1 the server's
  const auto say = [&](bool server, std::string_view part) {
    return server ? r.from_server(part) : r.from_client(part);
  };
  bool goes_on = true;
  std::size_t said = 0;
  while (goes_on && !in.empty() && said < 400'000) {
    const auto op = in.u8();
    const bool server = op & 1;
    switch (op / 2 % 6) {
      case 0:
      case 1:
        goes_on = say(server, std::exchange(kept[server], {})) && say(server, in.text());
        break;
      case 2: {
        const auto message = large(in);
        said += message.size();
        const auto now = std::size_t{in.u8()} * 256;
        goes_on = say(server, std::exchange(kept[server], {})) && say(server, std::string_view(message).substr(0, now));
        kept[server] = message.substr(std::min(now, message.size()));
        break;
      }
      case 3:
        goes_on = say(server, std::exchange(kept[server], {}));
        break;
      case 4:
        r.change_server();
        break;
      default:
        if (op > 250) r.lose_client();
    }
  }
}

std::vector<std::string> seeds() {
  const auto client = [](const auto&... messages) {
    return in_u8(0) + in_text((std::string() + ... + wire::encode(messages)));
  };
  const auto server = [](const auto&... messages) {
    return in_u8(1) + in_text((std::string() + ... + wire::encode(messages)));
  };
  // So much of a large message arrives at first, in units of 256 bytes.
  const auto large_part = [](bool from_server, std::string message, std::size_t filler, std::size_t now) {
    return in_u8(4 + from_server) + message.substr(0, 1) + in_text(message.substr(5)) + in_u8(filler) + in_u8(now);
  };
  const std::string plain("\0\0\0", 3), settings("\0\0\1", 3), refuses("\0\3\0", 3), session("\3\0\0", 3);
  const auto other_server = in_u8(8), rest_of_server = in_u8(7), rest_of_client = in_u8(6);
  const wire::command_complete select{"SELECT 1"};
  const wire::ready_for_query ready{'I'};
  const wire::parse parse{"s", "select 1"}, again{"t", "select 1"};
  const auto prepare = client(parse, wire::describe{'S', "s"}, wire::sync{}) +
                       server(wire::parse_complete{}, wire::parameter_description{}, wire::no_data{}, ready);
  const auto run_it = client(wire::bind{"", "s"}, wire::execute{}, wire::sync{});
  const auto its_rows = server(wire::bind_complete{}, select, ready);
  const wire::notice_response notice{{{'M', "hello"}}};
  const wire::error_response error{{{'S', "ERROR"}, {'C', "42601"}, {'M', "no"}}};
  const wire::error_response fatal{{{'S', "FATAL"}, {'C', "57P01"}, {'M', "no"}}};
  return {
      plain + client(wire::query{"select 1"}) +
          server(wire::row_description{{{"a"}}}, wire::data_row{{"1"}}, select, ready),
      plain + prepare + run_it + its_rows + other_server + run_it + server(wire::parse_complete{}) + its_rows,
      settings + client(wire::query{"set work_mem = 1; reset all"}) +
          server(wire::parameter_status{"TimeZone", "UTC"}, select, ready, wire::command_complete{"SET"},
                 wire::command_complete{"RESET"}, ready) +
          client(wire::query{"discard all"}) + server(wire::command_complete{"DISCARD ALL"}, ready),
      refuses + client(wire::query{"create temp table a ()"}) + server(error, ready),
      session + prepare + run_it + its_rows,
      plain + prepare +
          client(wire::close{'S', "s"}, parse, wire::parse{"t", "select 2"}, wire::parse{"u", "select 3"}) +
          client(wire::flush{}) +
          server(wire::parse_complete{}, wire::close_complete{}, wire::parse_complete{}, error) + client(wire::sync{}) +
          server(ready),
      plain + prepare + client(wire::parse{"s", "select 4"}, wire::sync{}) + server(error, ready, fatal),
      plain + client(wire::parse{"", "select 1"}, wire::bind{}, wire::execute{}, wire::sync{}) +
          server(wire::parse_complete{}) + its_rows + other_server +
          client(wire::bind{}, wire::execute{}, wire::sync{}),
      plain + client(wire::query{"copy a from stdin"}) + server(wire::copy_in_response{}) +
          client(wire::copy_data{"1\n"}, wire::copy_done{}) + server(wire::command_complete{"COPY 1"}, ready),
      plain + large_part(false, wire::encode(wire::query{"select '"}), 80, 70) + rest_of_client + server(select, ready),
      plain + large_part(false, wire::encode(wire::parse{"l", "select '"}), 80, 70) + rest_of_client,
      plain + large_part(false, wire::encode(wire::copy_data{"1\n"}), 80, 70) + rest_of_client,
      plain + prepare + client(wire::describe{'S', "s"}, again, wire::sync{}) + server(wire::parameter_description{}) +
          large_part(true, wire::encode(wire::row_description{{{"a"}}}), 80, 70) + rest_of_server,
      plain + prepare + large_part(true, wire::encode(notice), 80, 2) + client(again, wire::flush{}) + rest_of_server,
      plain + run_it + large_part(true, wire::encode(wire::data_row{{"1"}}), 80, 2) + client(wire::flush{}) +
          rest_of_server + in_u8(251) + its_rows,
  };
}

const registered here{{"exchange", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
