#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"

// Authentication (manual, "Message Formats", Authentication* and the client's 'p' messages). The server's share the
// type 'R' and differ by a code; the client's share 'p' and differ by what was asked.
namespace forebay::wire {

enum class auth_code : std::uint32_t {
  ok = 0,
  kerberos_v5 = 2,
  cleartext_password = 3,
  md5_password = 5,
  gss = 7,
  gss_continue = 8,
  sspi = 9,
  sasl = 10,
  sasl_continue = 11,
  sasl_final = 12,
};

struct authentication {
  static constexpr char type = 'R';
  auth_code code = auth_code::ok;
  std::string_view data;  // md5: 4 bytes of salt; sasl: the list of mechanisms; sasl_continue, sasl_final: SASL data

  std::vector<std::string_view> mechanisms() const;  // of auth_code::sasl; empty when the list is malformed

  static result<authentication> decode(std::string_view body);  // bad_value: a code the manual does not list
  void encode(writer& w) const;
  bool operator==(const authentication&) const = default;

  static std::string sasl(const std::vector<std::string_view>& mechanisms);  // the whole message
};

struct authentication_ok {
  void encode(writer& w) const { authentication{}.encode(w); }
};

// A password in clear or as "md5..." text.
struct password_message {
  static constexpr char type = 'p';
  std::string_view password;

  static result<password_message> decode(std::string_view body);
  void encode(writer& w) const;
  bool operator==(const password_message&) const = default;
};

struct sasl_initial_response {
  static constexpr char type = 'p';
  std::string_view mechanism;
  bool has_data = false;  // false: no initial response, which is not the same as an empty one
  std::string_view data;

  static result<sasl_initial_response> decode(std::string_view body);
  void encode(writer& w) const;
  bool operator==(const sasl_initial_response&) const = default;
};

// Also the bytes of a GSSAPI or SSPI answer.
struct sasl_response {
  static constexpr char type = 'p';
  std::string_view data;

  static result<sasl_response> decode(std::string_view body) { return sasl_response{body}; }
  void encode(writer& w) const;
  bool operator==(const sasl_response&) const = default;
};

}  // namespace forebay::wire
