#include "routing/sql_template.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "routing/sql_scan.hpp"

namespace forebay {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

constexpr auto going_on = [] {
  auto found = word_chars;
  found['$'] = true;
  return found;
}();
bool goes_on(char c) {
  return going_on[static_cast<unsigned char>(c)];
}

// What a character begins.
enum class token : std::uint8_t { other, word, number, string, quoted_name, parameter, comment };

constexpr auto tokens = [] {
  std::array<token, 256> found{};
  for (int c = 0; c < 256; ++c)
    if (word_chars[c]) found[c] = c >= '0' && c <= '9' ? token::number : token::word;
  found['\''] = token::string;
  found['"'] = token::quoted_name;
  found['$'] = token::parameter;
  found['-'] = found['/'] = token::comment;
  return found;
}();

// What is written is never longer than what was read.
class writer {
 public:
  writer(std::string_view text, char* to) : text_(text), to_(to) {}

  // False: what stands there is not understood.
  bool run() {
    while (at_ < text_.size()) {
      switch (tokens[static_cast<unsigned char>(text_[at_])]) {
        case token::other:
          ++at_;
          break;
        case token::word:
          word();
          break;
        case token::number:
          number();
          break;
        case token::string:
          if (!string()) return false;
          break;
        case token::quoted_name:
          if (!quoted_name()) return false;
          break;
        case token::parameter:
          if (!is_digit(behind())) return false;
          word();
          break;
        case token::comment:
          if (behind() != (text_[at_] == '-' ? '-' : '*')) {
            ++at_;
          } else if (!comment()) {
            return false;
          }
          break;
      }
    }
    copy();
    return true;
  }
  const char* end() const { return to_; }

 private:
  char behind() const { return at_ + 1 < text_.size() ? text_[at_ + 1] : '\0'; }

  // Not one with a prefix (E'', U&''), nor with what may be an escape in it.
  bool string() {
    if (at_ > 0 && (goes_on(text_[at_ - 1]) || text_[at_ - 1] == '&')) return false;
    copy();
    while (true) {
      const auto end = text_.find_first_of("'\\", at_ + 1);
      if (end == text_.npos || text_[end] == '\\') return false;
      at_ = end + 1;
      if (at_ == text_.size() || text_[at_] != '\'') break;
    }
    put("''");
    return true;
  }

  bool quoted_name() {
    if (at_ > 0 && text_[at_ - 1] == '&') return false;
    const auto end = text_.find('"', at_ + 1);
    if (end == text_.npos) return false;
    at_ = end + 1;
    return true;
  }

  // 12 and 1.5; what looks otherwise stays as it is.
  void number() {
    auto end = digits(at_);
    if (end + 1 < text_.size() && text_[end] == '.' && is_digit(text_[end + 1])) end = digits(end + 1);
    const bool plain = at_ == 0 || text_[at_ - 1] != '.';
    if (plain && (end == text_.size() || (!goes_on(text_[end]) && text_[end] != '.'))) {
      copy();
      at_ = end;
      put("0");
    } else {
      while (end < text_.size() && (goes_on(text_[end]) || text_[end] == '.'))
        ++end;
      at_ = end;
    }
  }

  void word() {
    auto end = at_ + 1;
    while (end < text_.size() && goes_on(text_[end]))
      ++end;
    at_ = end;
  }

  // The new line behind a comment stays: it may join the strings around.
  bool comment() {
    copy();
    at_ = text_[at_] == '-' ? std::min(text_.find('\n', at_), text_.size()) : end_of_block_comment(text_, at_);
    put(" ");
    return at_ != text_.npos;
  }

  std::size_t digits(std::size_t at) const {
    while (at < text_.size() && is_digit(text_[at]))
      ++at;
    return at;
  }

  // What was passed and stays as it is.
  void copy() {
    to_ = std::copy(text_.begin() + copied_, text_.begin() + at_, to_);
    copied_ = at_;
  }

  // In place of what was passed since.
  void put(std::string_view literal) {
    to_ = std::copy(literal.begin(), literal.end(), to_);
    copied_ = at_;
  }

  const std::string_view text_;
  char* to_;
  std::size_t at_ = 0;
  std::size_t copied_ = 0;  // up to here it was written
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
