#include "admin/tokens.hpp"

#include <algorithm>

namespace forebay::admin {
namespace {

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// Letters, digits, what belongs to names and durations, and every byte of a UTF-8 sequence.
bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '-' || static_cast<unsigned char>(c) >= 0x80;
}

class cursor {
 public:
  explicit cursor(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  bool starts(std::string_view what) const { return rest_.substr(0, what.size()) == what; }
  char front() const { return rest_.front(); }
  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  // False: a comment has no end.
  bool skip_blanks() {
    while (!at_end()) {
      if (is_space(front())) {
        take();
      } else if (starts("--")) {
        while (!at_end() && front() != '\n')
          take();
      } else if (starts("/*")) {
        if (!skip_comment()) return false;
      } else {
        break;
      }
    }
    return true;
  }

  // Behind the opening quote; a doubled quote stands for itself. Null: no closing quote.
  std::optional<std::string> quoted(char quote) {
    std::string out;
    while (!at_end()) {
      const char c = take();
      if (c != quote) {
        out += c;
      } else if (!at_end() && front() == quote) {
        out += take();
      } else {
        return out;
      }
    }
    return std::nullopt;
  }

  std::string word() {
    std::string out;
    while (!at_end() && is_word_char(front()) && !starts("--"))
      out += take();
    return out;
  }

 private:
  bool skip_comment() {
    std::size_t depth = 0;
    while (!at_end()) {
      if (starts("/*")) {
        ++depth;
        rest_.remove_prefix(2);
      } else if (starts("*/")) {
        rest_.remove_prefix(2);
        if (--depth == 0) return true;
      } else {
        take();
      }
    }
    return false;
  }

  std::string_view rest_;
};

}  // namespace

std::string upper_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return out;
}

bool token::is_word(std::string_view upper) const {
  return what == kind::word && upper_case(text) == upper;
}

tokenized tokenize(std::string_view text) {
  tokenized out;
  statement_tokens current;
  const auto finish = [&] {
    if (!current.empty()) out.statements.push_back(std::move(current));
    current.clear();
  };
  cursor in(text);
  while (true) {
    if (!in.skip_blanks()) return {{}, "unterminated /* comment"};
    if (in.at_end()) break;
    const char c = in.front();
    if (c == ';') {
      in.take();
      finish();
    } else if (c == '"' || c == '\'') {
      in.take();
      auto inside = in.quoted(c);
      if (!inside) return {{}, c == '"' ? "unterminated quoted identifier" : "unterminated quoted string"};
      current.push_back({c == '"' ? token::kind::name : token::kind::text, std::move(*inside)});
    } else if (is_word_char(c)) {
      current.push_back({token::kind::word, in.word()});
    } else {
      current.push_back({token::kind::symbol, std::string(1, in.take())});
    }
  }
  finish();
  return out;
}

}  // namespace forebay::admin
