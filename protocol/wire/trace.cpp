#include "protocol/wire/trace.hpp"

#include <concepts>

#include "protocol/wire/messages.hpp"

namespace forebay::wire {
namespace {

class line {
 public:
  line(sender from, std::size_t body_size, std::string_view name) {
    text_ += static_cast<char>(from);
    add(body_size + 4);
    word(name);
  }

  void word(std::string_view w) { text_.append(1, ' ').append(w); }
  void add(std::integral auto number) { word(std::to_string(number)); }
  void add(char c) {
    text_ += ' ';
    printable(c, '\0');
  }
  void add(std::string_view text) { quoted(text, '"'); }
  void bytes(std::string_view data) { quoted(data, '\''); }
  void add(const std::optional<std::string_view>& value) {
    if (!value) return word("-1");
    add(value->size());
    bytes(*value);
  }
  template <class T>
  void add(const std::vector<T>& list) {
    add(list.size());
    for (const auto& item : list)
      add(item);
  }
  void add(const row_description::field& f) {
    fields(f.name, f.table_oid, f.column, f.type_oid, f.type_size, f.type_modifier, f.format);
  }
  void add(const std::pair<char, std::string_view>& error_field) { fields(error_field.first, error_field.second); }
  void add(const std::pair<std::string_view, std::string_view>& setting) { fields(setting.first, setting.second); }

  void fields(const auto&... field) { (add(field), ...); }
  std::string take() { return std::move(text_); }

 private:
  void quoted(std::string_view text, char quote) {
    text_.append(1, ' ').append(1, quote);
    for (const char c : text)
      printable(c, quote);
    text_ += quote;
  }
  void printable(char c, char quote) {
    if (c >= ' ' && c <= '~' && c != '\\' && c != quote) {
      text_ += c;
    } else {
      constexpr std::string_view digits = "0123456789abcdef";
      const auto value = static_cast<unsigned char>(c);
      text_.append("\\x").append(1, digits[value >> 4]).append(1, digits[value & 15]);
    }
  }

  std::string text_;
};

template <class Message>
requires std::is_empty_v<Message>
void show(line&, const Message&) {}

// Frontend.
void show(line& l, const bind& m) {
  l.fields(m.portal, m.statement, m.parameter_formats, m.parameters, m.result_formats);
}
template <char Type>
void show(line& l, const target_message<Type>& m) {
  l.fields(m.kind, m.name);
}
void show(line& l, const copy_fail& m) {
  l.add(m.reason);
}
void show(line& l, const execute& m) {
  l.fields(m.portal, m.max_rows);
}
void show(line& l, const function_call& m) {
  l.fields(m.function_oid, m.argument_formats, m.arguments, m.result_format);
}
void show(line& l, const parse& m) {
  l.fields(m.name, m.query, m.type_oids());
}
void show(line& l, const query& m) {
  l.add(m.sql);
}

// Backend.
void show(line& l, const authentication& m) {
  l.add(static_cast<std::uint32_t>(m.code));
  if (m.code != auth_code::sasl) return;
  for (const auto name : m.mechanisms())
    l.add(name);
}
void show(line& l, const backend_key_data& m) {
  l.add(m.pid);
}
void show(line& l, const command_complete& m) {
  l.add(m.tag);
}
template <char Type>
void show(line& l, const copy_response<Type>& m) {
  l.fields(m.format, m.column_formats);
}
void show(line& l, const data_row& m) {
  l.add(m.values);
}
template <char Type>
void show(line& l, const fields_message<Type>& m) {
  for (const auto& field : m.fields)
    l.add(field);
}
void show(line& l, const function_call_response& m) {
  l.add(m.value);
}
void show(line& l, const negotiate_protocol_version& m) {
  l.fields(m.version, m.unknown_options);
}
void show(line& l, const notification_response& m) {
  l.fields(m.pid, m.channel, m.payload);
}
void show(line& l, const parameter_description& m) {
  l.add(m.types);
}
void show(line& l, const parameter_status& m) {
  l.fields(m.name, m.value);
}
void show(line& l, const ready_for_query& m) {
  l.add(m.status);
}
void show(line& l, const row_description& m) {
  l.add(m.fields);
}

// Both.
void show(line& l, const copy_data& m) {
  l.bytes(m.data);
}

// Startup packets.
void show(line& l, const startup_message& m) {
  l.fields(m.version >> 16, m.version & 0xffff, m.parameters);
}
void show(line& l, const cancel_request& m) {
  l.add(m.pid);
}

std::string_view name_of(const startup_message&) {
  return "StartupMessage";
}
std::string_view name_of(const ssl_request&) {
  return "SSLRequest";
}
std::string_view name_of(const gssenc_request&) {
  return "GSSENCRequest";
}
std::string_view name_of(const cancel_request&) {
  return "CancelRequest";
}

std::string malformed(line l, const boost::system::error_code& why) {
  l.word("malformed:");
  l.word(why.message());
  return l.take();
}

// The message's name and fields; of `body` null, the name alone.
template <class List>
std::string describe_message(const List& list, sender from, char type, std::size_t size, const std::string_view* body) {
  std::string text;
  for_type(list, type, [&]<class Message>(const named<Message>& n) {
    if (!text.empty()) return;  // 'p': whatever it is, it is secret and goes by its first name
    line l(from, size, n.name);
    if constexpr (Message::type == password_message::type) {
      text = l.take();
    } else if (!body) {
      l.word("...");
      text = l.take();
    } else if (const auto message = Message::decode(*body)) {
      show(l, *message);
      text = l.take();
    } else {
      text = malformed(std::move(l), message.error());
    }
  });
  if (!text.empty()) return text;
  line l(from, size, "unknown");
  l.add(type);
  return l.take();
}

std::string describe_message(sender from, char type, std::size_t size, const std::string_view* body) {
  if (from == sender::frontend) return describe_message(frontend_messages, from, type, size, body);
  return describe_message(backend_messages, from, type, size, body);
}

}  // namespace

std::string trace(sender from, char type, std::string_view body) {
  return describe_message(from, type, body.size(), &body);
}

std::string trace(sender from, const piece& p) {
  if (p.whole()) return trace(from, p.type, p.body());
  return p.first ? describe_message(from, p.type, p.body_size, nullptr) : std::string();
}

std::string trace_startup(std::string_view body) {
  const auto packet = decode_startup_packet(body);
  if (!packet) return malformed(line(sender::frontend, body.size(), "StartupPacket"), packet.error());
  return std::visit(
      [&](const auto& m) {
        line l(sender::frontend, body.size(), name_of(m));
        show(l, m);
        return l.take();
      },
      *packet);
}

}  // namespace forebay::wire
