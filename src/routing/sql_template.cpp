#include "routing/sql_template.hpp"

#include <algorithm>

#include "routing/sql_scan.hpp"

namespace forebay {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool goes_on(char c) {
  return is_word_char(c) || c == '$';
}

// What is written is never longer than what was read.
class writer {
 public:
  writer(std::string_view text, char* to) : text_(text), to_(to) {}

  // False: what stands there is not understood.
  bool run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (is_digit(c)) {
        number();
      } else if (is_word_char(c)) {
        word();
      } else if (c == '\'') {
        if (!string()) return false;
      } else if (c == '"') {
        if (!quoted_name()) return false;
      } else if (c == '$') {
        if (!is_digit(behind())) return false;
        word();
      } else if ((c == '-' && behind() == '-') || (c == '/' && behind() == '*')) {
        if (!comment()) return false;
      } else {
        *to_++ = c;
        ++at_;
      }
    }
    return true;
  }
  const char* end() const { return to_; }

 private:
  char behind() const { return at_ + 1 < text_.size() ? text_[at_ + 1] : '\0'; }

  // Not one with a prefix (E'', U&''), nor with what may be an escape in it.
  bool string() {
    if (at_ > 0 && (goes_on(text_[at_ - 1]) || text_[at_ - 1] == '&')) return false;
    while (true) {
      const auto end = text_.find_first_of("'\\", at_ + 1);
      if (end == text_.npos || text_[end] == '\\') return false;
      at_ = end + 1;
      if (at_ == text_.size() || text_[at_] != '\'') break;
    }
    *to_++ = '\'';
    *to_++ = '\'';
    return true;
  }

  bool quoted_name() {
    if (at_ > 0 && text_[at_ - 1] == '&') return false;
    const auto end = text_.find('"', at_ + 1);
    if (end == text_.npos) return false;
    copy_to(end + 1);
    return true;
  }

  // 12 and 1.5; what looks otherwise stays as it is.
  void number() {
    auto end = digits(at_);
    if (end + 1 < text_.size() && text_[end] == '.' && is_digit(text_[end + 1])) end = digits(end + 1);
    const bool plain = at_ == 0 || text_[at_ - 1] != '.';
    if (plain && (end == text_.size() || (!goes_on(text_[end]) && text_[end] != '.'))) {
      *to_++ = '0';
      at_ = end;
    } else {
      while (end < text_.size() && (goes_on(text_[end]) || text_[end] == '.'))
        ++end;
      copy_to(end);
    }
  }

  void word() {
    do {
      *to_++ = text_[at_++];
    } while (at_ < text_.size() && goes_on(text_[at_]));
  }

  // The new line behind a comment stays: it may join the strings around.
  bool comment() {
    at_ = text_[at_] == '-' ? std::min(text_.find('\n', at_), text_.size()) : end_of_block_comment(text_, at_);
    *to_++ = ' ';
    return at_ != text_.npos;
  }

  std::size_t digits(std::size_t at) const {
    while (at < text_.size() && is_digit(text_[at]))
      ++at;
    return at;
  }

  void copy_to(std::size_t end) {
    to_ = std::copy(text_.begin() + at_, text_.begin() + end, to_);
    at_ = end;
  }

  const std::string_view text_;
  char* to_;
  std::size_t at_ = 0;
};

}  // namespace

bool make_sql_template(std::string_view text, std::string& out) {
  if (text.find('\0') != text.npos) return false;
  out.resize(text.size());
  writer to(text, out.data());
  if (!to.run()) return false;
  out.resize(static_cast<std::size_t>(to.end() - out.data()));
  return true;
}

}  // namespace forebay
