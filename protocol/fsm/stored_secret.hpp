#pragma once

#include <string>

namespace forebay::fsm {

// What is known of a user's password: nothing, the password itself, or one of PostgreSQL's stored forms.
struct stored_secret {
  enum class kind : unsigned char { none, clear, md5, scram } what = kind::none;
  std::string text;

  // Tells the form by its beginning. What looks like a stored form is never taken for a password: one that is broken
  // is `none`, or whoever knows that text could log in with it.
  static stored_secret from_text(std::string text);
};

}  // namespace forebay::fsm
