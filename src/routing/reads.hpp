#pragma once

#include <algorithm>

#include "core/sql_access.hpp"
#include "routing/syntax.hpp"

// What an expression or a query reads: every message of the tree below it is visited, at whatever place it stands. A
// kind of message that is not in the list may do anything: what a newer grammar may bring. What writes is noted, and
// the primary's.
namespace forebay {

class reads {
 public:
  // `planned`: the query is not run (EXPLAIN), so that it may be one that writes or locks.
  explicit reads(sql_access& found, bool planned = false) : found_(found), planned_(planned) {}

  void visit(const ProtobufCMessage* message);  // null: nothing
  template <class Message>
  void visit(const Message* message) {
    if (message) visit(&message->base);
  }
  template <class Message>
  void visit(std::size_t count, Message* const* messages) {
    for (std::size_t i = 0; i < count; ++i)
      visit(messages[i]);
  }

  void writes(const PgQuery__RangeVar* relation, sql_access::change how);

  // When all is visited: sorts the names. Null, or why the primary has to run it.
  const char* finish();

  struct handlers;  // one function per kind of message that names something

 private:
  void visit_fields(const ProtobufCMessage* message);
  void refuse(const char* reason) {
    if (!refused_) refused_ = reason;
  }
  void changes(sql_access::change what) { found_.changes = std::max(found_.changes, what); }
  void fleeting(const char* reason) {
    if (!found_.fleeting) found_.fleeting = reason;
  }

  sql_access& found_;
  const bool planned_;
  const char* refused_ = nullptr;
  std::vector<std::string> ctes_;
};

}  // namespace forebay
