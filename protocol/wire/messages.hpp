#pragma once

#include <string_view>
#include <tuple>

#include "protocol/wire/auth.hpp"
#include "protocol/wire/copy.hpp"
#include "protocol/wire/extended.hpp"
#include "protocol/wire/notice.hpp"
#include "protocol/wire/query.hpp"
#include "protocol/wire/rows.hpp"
#include "protocol/wire/startup.hpp"
#include "protocol/wire/status.hpp"

// Every message with a type byte, by its sender, for what goes through all of them: trace, tests and fuzzers.
namespace forebay::wire {

template <class Message>
struct named {
  using message = Message;
  std::string_view name;  // as in the manual's "Message Formats"
};

inline constexpr std::tuple frontend_messages{
    named<bind>{"Bind"},
    named<close>{"Close"},
    named<copy_data>{"CopyData"},
    named<copy_done>{"CopyDone"},
    named<copy_fail>{"CopyFail"},
    named<describe>{"Describe"},
    named<execute>{"Execute"},
    named<flush>{"Flush"},
    named<function_call>{"FunctionCall"},
    named<parse>{"Parse"},
    named<password_message>{"PasswordMessage"},  // what 'p' is, depends on what was asked
    named<query>{"Query"},
    named<sasl_initial_response>{"SASLInitialResponse"},
    named<sasl_response>{"SASLResponse"},
    named<sync>{"Sync"},
    named<terminate>{"Terminate"},
};

inline constexpr std::tuple backend_messages{
    named<authentication>{"Authentication"},
    named<backend_key_data>{"BackendKeyData"},
    named<bind_complete>{"BindComplete"},
    named<close_complete>{"CloseComplete"},
    named<command_complete>{"CommandComplete"},
    named<copy_both_response>{"CopyBothResponse"},
    named<copy_data>{"CopyData"},
    named<copy_done>{"CopyDone"},
    named<copy_in_response>{"CopyInResponse"},
    named<copy_out_response>{"CopyOutResponse"},
    named<data_row>{"DataRow"},
    named<empty_query_response>{"EmptyQueryResponse"},
    named<error_response>{"ErrorResponse"},
    named<function_call_response>{"FunctionCallResponse"},
    named<negotiate_protocol_version>{"NegotiateProtocolVersion"},
    named<no_data>{"NoData"},
    named<notice_response>{"NoticeResponse"},
    named<notification_response>{"NotificationResponse"},
    named<parameter_description>{"ParameterDescription"},
    named<parameter_status>{"ParameterStatus"},
    named<parse_complete>{"ParseComplete"},
    named<portal_suspended>{"PortalSuspended"},
    named<ready_for_query>{"ReadyForQuery"},
    named<row_description>{"RowDescription"},
};

// visit(named<Message>) for each message of the list with this type byte.
template <class List, class Visitor>
constexpr void for_type(const List& list, char type, Visitor&& visit) {
  const auto visit_if = [&]<class Message>(const named<Message>& n) {
    if (Message::type == type) visit(n);
  };
  std::apply([&](const auto&... n) { (visit_if(n), ...); }, list);
}

}  // namespace forebay::wire
