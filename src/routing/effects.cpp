#include "routing/effects.hpp"

#include <algorithm>
#include <array>

#include "core/parameters.hpp"
#include "routing/sql_scan.hpp"

namespace forebay {
namespace {

// The next word at or after `at`; `at` moves behind it. Empty at the end.
std::string_view next_word(std::string_view text, std::size_t& at) {
  while (at < text.size() && !is_word_char(text[at]))
    ++at;
  const auto start = at;
  while (at < text.size() && is_word_char(text[at]))
    ++at;
  return text.substr(start, at - start);
}

// Settings whose every change PostgreSQL reports (manual, "Asynchronous Operations"): tracked without reading SQL.
// "names" and "time" are SET NAMES and SET TIME ZONE.
constexpr std::array<std::string_view, 9> reported = {"application_name",
                                                      "client_encoding",
                                                      "datestyle",
                                                      "default_transaction_read_only",
                                                      "intervalstyle",
                                                      "names",
                                                      "standard_conforming_strings",
                                                      "time",
                                                      "timezone"};

bool one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](auto w) { return same_name(word, w); });
}

// The next word of the grammar, quoted or not; `at` moves behind it and what white space follows.
std::string_view next_token(std::string_view text, std::size_t& at) {
  at = skip_space_and_comments(text, at);
  const bool quoted = at < text.size() && text[at] == '"';
  if (quoted) ++at;
  const auto start = at;
  while (at < text.size() && is_word_char(text[at]))
    ++at;
  const auto word = text.substr(start, at - start);
  if (quoted && at < text.size() && text[at] == '"') ++at;
  at = skip_space_and_comments(text, at);
  return word;
}

bool dot_at(std::string_view text, std::size_t at) {
  return at < text.size() && text[at] == '.';
}

// SET name TO DEFAULT is RESET name; `at` is behind the name. Of SET TIME ZONE, LOCAL is the same.
bool is_set_to_default(std::string_view text, std::size_t at, bool zone) {
  if (at < text.size() && text[at] == '=') {
    ++at;
  } else {
    next_token(text, at);  // TO, or ZONE
  }
  const auto value = next_token(text, at);
  return same_name(value, "default") || (zone && same_name(value, "local"));
}

// What the leading keyword of the text says. SET is harmless when it ends with the transaction or names a reported
// setting, provided nothing follows in the same string.
effect::mask leading_effects(std::string_view text) {
  std::size_t at = skip_space_and_comments(text, 0, ";(");
  const auto keyword = next_token(text, at);
  const bool alone = is_alone(text);
  if (same_name(keyword, "listen")) return effect::listen;
  if (same_name(keyword, "unlisten")) return effect::unlisten;
  if (same_name(keyword, "notify")) return effect::notify;
  if (same_name(keyword, "load")) return effect::load;
  if (one_of(keyword, {"execute", "deallocate"})) return effect::statement_name;
  if (same_name(keyword, "prepare")) {
    const bool bare = at < text.size() && text[at] != '"';
    if (bare && same_name(next_token(text, at), "transaction")) return effect::none;
    return effect::prepare | effect::statement_name;
  }
  if (one_of(keyword, {"savepoint", "release"})) return effect::savepoint;
  if (same_name(keyword, "rollback")) {
    auto next = next_token(text, at);
    if (one_of(next, {"work", "transaction"})) next = next_token(text, at);
    return same_name(next, "to") ? effect::savepoint : effect::none;
  }
  if (same_name(keyword, "reset")) return alone ? effect::reset : effect::setting;
  if (!same_name(keyword, "set")) return effect::none;
  if (!alone) return effect::setting;
  auto name = next_token(text, at);
  if (same_name(name, "session") && !dot_at(text, at)) name = next_token(text, at);
  if (dot_at(text, at)) return effect::setting;  // an extension's, whatever its first part reads like
  if (one_of(name, {"local", "transaction", "constraints"})) return effect::none;
  const bool tracked = std::any_of(reported.begin(), reported.end(), [&](auto n) { return same_name(n, name); });
  if (!tracked) return effect::setting;
  return is_set_to_default(text, at, same_name(name, "time")) ? effect::reset : effect::none;
}

// Words that matter wherever they stand. Their first letters filter nearly everything else out. Of a text that is not
// whole, ON COMMIT DROP is not believed: it may go on in another way.
class word_scan {
 public:
  word_scan(std::string_view text, bool whole, bool comments_count)
      : text_(text), whole_(whole), comments_count_(comments_count) {}

  effect::mask run() {
    std::string_view before;
    while (true) {
      const auto behind = at_;
      if (!comments_count_) skip_comments();
      const auto word = next_word(text_, at_);
      if (word.empty()) break;
      const auto between = text_.substr(behind, static_cast<std::size_t>(word.data() - text_.data()) - behind);
      if (between.find(';') != std::string_view::npos) begin(word);
      look(before, word);
      before = word;
    }
    return temporaries_ > 0 ? found_ | effect::temporary : found_;
  }

 private:
  // A word behind a semicolon: what a statement that is not the first begins with.
  void begin(std::string_view word) {
    if (one_of(word, {"set", "reset", "savepoint", "release", "rollback", "listen", "unlisten", "load", "prepare"})) {
      found_ |= effect::several;
    }
    if (same_name(word, "notify")) found_ |= effect::notify;
    if (one_of(word, {"deallocate", "prepare"})) found_ |= effect::statement_name;
  }

  void look(std::string_view before, std::string_view word) {
    switch (static_cast<char>(word.front() | 0x20)) {
      case 's':
        if (same_name(word, "savepoint")) found_ |= effect::savepoint;
        if (same_name(word, "stdin") && same_name(before, "from")) found_ |= effect::copy_in;
        if (one_of(word, {"set_config", "setseed"})) found_ |= effect::set_function;
        break;
      case 'p':
        if (one_of(word, {"pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock",
                          "pg_try_advisory_lock_shared"})) {
          found_ |= effect::advisory_lock;
        } else if (same_name(word, "pg_temp")) {
          found_ |= effect::temporary;
        } else if (one_of(word, {"pg_advisory_unlock", "pg_advisory_unlock_shared", "pg_advisory_unlock_all"})) {
          found_ |= effect::unlock;
        } else if (same_name(word, "pg_notify")) {
          found_ |= effect::notify;
        }
        break;
      case 't':
        if (same_name(word, "to") && one_of(before, {"rollback", "work", "transaction"})) found_ |= effect::savepoint;
        if (one_of(word, {"temp", "temporary"}) && one_of(before, {"create", "replace", "global", "local", "into"})) {
          ++temporaries_;
          temporary_at_ = at_;
        }
        break;
      case 'a':
        if (!same_name(word, "all")) break;
        if (same_name(before, "reset")) found_ |= effect::reset_all;
        if (one_of(before, {"deallocate", "discard", "prepare"})) found_ |= effect::deallocate;
        if (same_name(before, "discard")) found_ |= effect::discard;
        break;
      case 'd':
        // ON COMMIT DROP: the table ends with its transaction. Only when it is for certain that of this very table.
        if (same_name(word, "drop") && same_name(before, "commit") && temporary_at_ != 0 && whole_ &&
            text_.substr(temporary_at_, at_ - temporary_at_).find_first_of("'\"$;-/") == std::string_view::npos) {
          --temporaries_;
          temporary_at_ = 0;
        }
        break;
      case 'e':
        if (same_name(word, "execute")) found_ |= effect::statement_name;
        break;
      case 'h':
        if (same_name(word, "hold") && same_name(before, "with")) found_ |= effect::hold_cursor;
        break;
      default:
        break;
    }
  }

  void skip_comments() {
    while (at_ < text_.size() && !is_word_char(text_[at_])) {
      const auto behind = skip_space_and_comments(text_, at_);
      at_ = behind == at_ ? at_ + 1 : behind;
    }
  }

  const std::string_view text_;
  const bool whole_;
  const bool comments_count_;
  std::size_t at_ = 0;
  effect::mask found_ = effect::none;
  int temporaries_ = 0;
  std::size_t temporary_at_ = 0;  // behind the last TEMP; 0: none, or its table ends with the transaction
};

// What looks like a comment may be part of a string, and what is one may part two words: so both readings count.
effect::mask word_effects(std::string_view text, bool whole) {
  auto found = word_scan(text, whole, true).run();
  if (text.find("--") != std::string_view::npos || text.find("/*") != std::string_view::npos) {
    found |= word_scan(text, whole, false).run();
  }
  return found;
}

// Appends the text up to `most` bytes in all, of what stands between two words one blank and what makes comments.
template <class Iterator>
void condense(Iterator from, Iterator to, std::size_t most, std::string& out) {
  for (; from != to && out.size() < most; ++from) {
    if (is_word_char(*from) || std::string_view("/*-\n").find(*from) != std::string_view::npos) {
      out += *from;
    } else if (out.empty() || out.back() != ' ') {
      out += ' ';
    }
  }
}

}  // namespace

effect::mask scan_effects(std::string_view text) {
  text = up_to_nul(text);
  const auto leading = leading_effects(text);
  const auto words = word_effects(text, true);
  return words & effect::reset_all ? (leading & ~effect::reset) | words : leading | words;
}

effect::mask scan_effects_of_piece(std::string_view tail, std::string_view piece) {
  std::string seam(tail);
  condense(piece.begin(), piece.end(), tail.size() + effects_tail, seam);
  return effect::several | word_effects(seam, false) | word_effects(piece, false);
}

std::string effects_tail_of(std::string_view tail, std::string_view piece) {
  std::string reversed;
  condense(piece.rbegin(), piece.rend(), effects_tail, reversed);
  condense(tail.rbegin(), tail.rend(), effects_tail, reversed);
  return {reversed.rbegin(), reversed.rend()};
}

}  // namespace forebay
