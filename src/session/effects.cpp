#include "session/effects.hpp"

#include <algorithm>
#include <array>

#include "core/parameters.hpp"

namespace forebay {
namespace {

bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// The next word at or after `at`; `at` moves behind it. Empty at the end.
std::string_view next_word(std::string_view text, std::size_t& at) {
  while (at < text.size() && !is_word_char(text[at])) ++at;
  const auto start = at;
  while (at < text.size() && is_word_char(text[at])) ++at;
  return text.substr(start, at - start);
}

// Settings whose every change PostgreSQL reports (manual, "Asynchronous Operations"): tracked without reading SQL.
// "names" and "time" are SET NAMES and SET TIME ZONE.
constexpr std::array<std::string_view, 9> reported = {
    "application_name", "client_encoding", "datestyle", "default_transaction_read_only", "intervalstyle",
    "names",            "standard_conforming_strings", "time", "timezone"};

bool one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](auto w) { return same_name(word, w); });
}

std::size_t skip_space_and_comments(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (std::string_view(" \t\r\n;(").find(text[at]) != std::string_view::npos) {
      ++at;
    } else if (text.substr(at, 2) == "--") {
      at = std::min(text.find('\n', at), text.size());
    } else if (text.substr(at, 2) == "/*") {
      const auto end = text.find("*/", at + 2);
      at = end == std::string_view::npos ? text.size() : end + 2;
    } else {
      break;
    }
  }
  return at;
}

// What the leading keyword of the text says. SET is harmless when it ends with the transaction or names a reported
// setting, provided nothing follows in the same string.
effect::mask leading_effects(std::string_view text) {
  std::size_t at = skip_space_and_comments(text);
  const auto keyword = next_word(text, at);
  if (one_of(keyword, {"listen"})) return effect::listen;
  if (one_of(keyword, {"load"})) return effect::load;
  if (one_of(keyword, {"prepare"})) {
    return one_of(next_word(text, at), {"transaction"}) ? effect::none : effect::prepare;
  }
  if (!one_of(keyword, {"set"})) {
    const auto semicolon = text.find(';');
    return semicolon != std::string_view::npos && semicolon + 1 < text.size() ? effect::several : effect::none;
  }
  const auto semicolon = text.find(';');
  const bool alone = semicolon == std::string_view::npos ||
                     text.find_first_not_of(" \t\r\n;", semicolon) == std::string_view::npos;
  auto name = next_word(text, at);
  if (same_name(name, "session")) name = next_word(text, at);
  if (!alone) return effect::setting;
  if (one_of(name, {"local", "transaction", "constraints"})) return effect::none;
  const bool tracked = std::any_of(reported.begin(), reported.end(), [&](auto n) { return same_name(n, name); });
  return tracked ? effect::none : effect::setting;
}

// Words that matter wherever they stand. Their first letters filter nearly everything else out. Of a text that is not
// whole, ON COMMIT DROP is not believed: it may go on in another way.
effect::mask word_effects(std::string_view text, bool whole) {
  effect::mask found = effect::none;
  std::string_view before;
  bool may_be_dropped = false;  // of the temporary table named last: by an ON COMMIT DROP of its own statement
  std::size_t at = 0;
  while (at < text.size()) {
    const auto gap_at = at;
    const auto word = next_word(text, at);
    const auto gap = text.substr(gap_at, at - word.size() - gap_at);
    // Behind a quote or in a comment the words may be no SQL.
    if (may_be_dropped && (gap.find_first_of(";'$") != gap.npos || gap.find("--") != gap.npos ||
                           gap.find("/*") != gap.npos)) {
      may_be_dropped = false;
    }
    switch (word.empty() ? '\0' : static_cast<char>(word.front() | 0x20)) {
      case 's':
        if (same_name(word, "set_config")) found |= effect::set_function;
        break;
      case 'p':
        if (one_of(word, {"pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock",
                          "pg_try_advisory_lock_shared"})) {
          found |= effect::advisory_lock;
        } else if (same_name(word, "pg_temp")) {
          found |= effect::temporary;
          may_be_dropped = false;
        }
        break;
      case 't':
        if (one_of(word, {"temp", "temporary"}) && one_of(before, {"create", "replace", "global", "local", "into"})) {
          may_be_dropped = whole && (found & effect::temporary) == 0;
          found |= effect::temporary;
        }
        break;
      case 'a':
        if (same_name(word, "all") && same_name(before, "reset")) found |= effect::reset_all;
        break;
      case 'd':
        // ON COMMIT DROP: the table ends with its transaction.
        if (may_be_dropped && same_name(word, "drop") && same_name(before, "commit")) {
          found &= ~effect::temporary;
          may_be_dropped = false;
        }
        break;
      case 'h':
        if (same_name(word, "hold") && same_name(before, "with")) found |= effect::hold_cursor;
        break;
      default:
        break;
    }
    before = word;
  }
  return found;
}

// Appends the text up to `most` bytes in all, with one blank for all that stands between two words.
template <class Iterator>
void condense(Iterator from, Iterator to, std::size_t most, std::string& out) {
  for (; from != to && out.size() < most; ++from) {
    if (is_word_char(*from)) {
      out += *from;
    } else if (out.empty() || out.back() != ' ') {
      out += ' ';
    }
  }
}

}  // namespace

std::string_view to_text(pin_reason reason) {
  static constexpr std::array<std::string_view, 9> names = {
      "", "session_mode", "setting", "advisory_lock", "temporary_table", "hold_cursor", "listen", "prepared_statement",
      "load"};
  return names[static_cast<std::size_t>(reason)];
}

effect::mask scan_effects(std::string_view text) {
  if (text.ends_with('\0')) text.remove_suffix(1);
  return leading_effects(text) | word_effects(text, true);
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

pin_reason pin_before(effect::mask effects) {
  if (effects & effect::advisory_lock) return pin_reason::advisory_lock;
  if (effects & effect::temporary) return pin_reason::temporary_table;
  if (effects & effect::set_function) return pin_reason::setting;
  return pin_reason::none;
}

pin_reason pin_after(std::string_view tag, effect::mask effects) {
  if (tag == "SET" && (effects & (effect::setting | effect::several))) return pin_reason::setting;
  if (tag == "LISTEN") return pin_reason::listen;
  if (tag == "PREPARE") return pin_reason::prepared_statement;
  if (tag == "LOAD") return pin_reason::load;
  if (tag == "DECLARE CURSOR" && (effects & effect::hold_cursor)) return pin_reason::hold_cursor;
  return pin_reason::none;
}

}  // namespace forebay
