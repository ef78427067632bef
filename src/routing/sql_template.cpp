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

class writer {
 public:
  writer(std::string_view text, std::string& out) : text_(text), out_(out) {}

  // False: what stands there is not understood.
  bool run() {
    while (at_ < text_.size()) {
      const char c = text_[at_], next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
      if (c == '\'') {
        if (!string()) return false;
      } else if (c == '"') {
        if (!quoted_name()) return false;
      } else if (is_digit(c)) {
        number();
      } else if (goes_on(c)) {
        if (c == '$' && !is_digit(next)) return false;
        word();
      } else if ((c == '-' && next == '-') || (c == '/' && next == '*')) {
        if (!comment()) return false;
      } else {
        out_ += c;
        ++at_;
      }
    }
    return true;
  }

 private:
  // Not one with a prefix (E'', U&''), nor with what may be an escape in it.
  bool string() {
    if (at_ > 0 && (goes_on(text_[at_ - 1]) || text_[at_ - 1] == '&')) return false;
    while (true) {
      const auto end = text_.find_first_of("'\\", at_ + 1);
      if (end == text_.npos || text_[end] == '\\') return false;
      at_ = end + 1;
      if (at_ == text_.size() || text_[at_] != '\'') break;
    }
    out_ += "''";
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
      out_ += '0';
      at_ = end;
    } else {
      while (end < text_.size() && (goes_on(text_[end]) || text_[end] == '.'))
        ++end;
      copy_to(end);
    }
  }

  void word() {
    auto end = at_ + 1;
    while (end < text_.size() && goes_on(text_[end]))
      ++end;
    copy_to(end);
  }

  // The new line behind a comment stays: it may join the strings around.
  bool comment() {
    at_ = text_[at_] == '-' ? std::min(text_.find('\n', at_), text_.size()) : end_of_block_comment(text_, at_);
    out_ += ' ';
    return at_ != text_.npos;
  }

  std::size_t digits(std::size_t at) const {
    while (at < text_.size() && is_digit(text_[at]))
      ++at;
    return at;
  }

  void copy_to(std::size_t end) {
    out_ += text_.substr(at_, end - at_);
    at_ = end;
  }

  const std::string_view text_;
  std::string& out_;
  std::size_t at_ = 0;
};

}  // namespace

bool make_sql_template(std::string_view text, std::string& out) {
  out.clear();
  return text.find('\0') == text.npos && writer(text, out).run();
}

}  // namespace forebay
