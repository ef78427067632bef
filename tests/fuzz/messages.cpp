#include "protocol/wire/messages.hpp"
#include "input.hpp"

// Every message of the lists in messages.hpp: whatever decodes, encodes to the bytes it was made of.
namespace forebay::fuzz {
namespace {

template <class Message>
void round_trip(std::string_view body) {
  const auto message = Message::decode(body);
  if (!message) return;
  const auto bytes = wire::encode(*message);
  expect(bytes.front() == Message::type && std::string_view(bytes).substr(5) == body);
  std::string_view in = bytes;
  const auto piece = wire::framer().next(in);
  expect(piece && *piece && (*piece)->whole() && in.empty());
  const auto again = Message::decode((*piece)->body());
  expect(again && *again == *message);
}

// The sender as in trace, the type, the body.
void run(std::string_view bytes) {
  input in(bytes);
  const auto from = static_cast<char>(in.u8());
  const auto type = static_cast<char>(in.u8());
  const auto body = in.rest();
  const auto visit = [&]<class Message>(const wire::named<Message>&) { round_trip<Message>(body); };
  if (from == 'F') {
    wire::for_type(wire::frontend_messages, type, visit);
  } else {
    wire::for_type(wire::backend_messages, type, visit);
  }
  // What has no list of its own: the front of a Bind, and values drawn from decoded messages.
  if (const auto names = wire::bind_names::decode_front(body)) {
    expect(names->portal.size() + names->statement.size() + names->rest.size() + 2 == body.size());
  }
  if (const auto error = wire::error_response::decode(body)) wire::encode(error->to_pg_error());
  if (const auto parse = wire::parse::decode(body)) {
    expect(2 + 4 * parse->type_oids().size() == parse->parameter_types.size());
  }
  wire::authentication{wire::auth_code::sasl, body}.mechanisms();
}

std::vector<std::string> seeds() {
  std::vector<std::string> all;
  const auto add = [&](char from, const auto& message) {
    auto bytes = wire::encode(message);
    all.push_back(from + bytes.replace(1, 4, ""));
  };
  // The default of every message, so that none is forgotten; then those with fields worth a start.
  std::apply([&]<class... M>(const wire::named<M>&...) { (add('F', M{}), ...); }, wire::frontend_messages);
  std::apply([&]<class... M>(const wire::named<M>&...) { (add('B', M{}), ...); }, wire::backend_messages);
  add('F', wire::bind{"portal", "statement", {0, 1}, {"text", std::nullopt}, {1}});
  add('F', wire::parse{"name", "select $1", {"\0\2\0\0\0\x17\0\0\0\x19", 10}});
  add('F', wire::function_call{1234, {1}, {"argument", std::nullopt}, 1});
  add('F', wire::sasl_initial_response{"SCRAM-SHA-256", true, "n,,n=,r=abc"});
  add('B', wire::authentication{wire::auth_code::md5_password, "salt"});
  add('B', wire::authentication{wire::auth_code::sasl, {"SCRAM-SHA-256\0\0", 15}});
  add('B', wire::backend_key_data{4711, "key!"});
  add('B', wire::copy_in_response{1, {0, 1, 1}});
  add('B', wire::data_row{{"1", std::nullopt, "three"}});
  add('B', wire::error_response{{{'S', "FATAL"}, {'C', "28P01"}, {'M', "no"}}});
  add('B', wire::negotiate_protocol_version{3U << 16, {"_pq_.a", "_pq_.b"}});
  add('B', wire::notification_response{1, "channel", "payload"});
  add('B', wire::parameter_description{{23, 25}});
  add('B', wire::row_description{{{"id", 1, 1, 23, 4, -1, 0}, {"name"}}});
  return all;
}

const registered here{{"messages", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
