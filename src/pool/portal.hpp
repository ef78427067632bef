#pragma once

#include <memory>

#include "pool/statement.hpp"

// What is followed of portals. Nearly always there is nothing.
namespace forebay {

// SQL about a statement that the client has prepared by the protocol; no statement: it is nothing of the kind.
struct named_statement {
  named_command command;
  statement_ptr statement;

  explicit operator bool() const { return statement != nullptr; }
};

// One whose execution changes settings or what the names of statements mean.
struct portal {
  sql_effects_ptr effects;
  named_statement about;
};
using portal_ptr = std::shared_ptr<const portal>;  // null: one that does nothing of the kind

}  // namespace forebay
