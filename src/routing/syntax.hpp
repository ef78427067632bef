#pragma once

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>

#include <cstddef>
#include <string>
#include <string_view>

// A text as PostgreSQL's grammar and its scanner read it. For the .cpp files of routing/ only: others see verdicts.
namespace forebay {

// The grammar has no guard against deep nesting: ask before a `tree` is made. Measured: a level of an expression takes
// up to 4 KiB of stack, and time that grows with the square of the levels.
bool may_be_parsed(const std::string& text);
inline constexpr std::size_t max_nesting = 400;

// No fewer than the levels of the deepest expression or query in a text.
std::size_t nesting_bound(const std::string& text);

// Of the transaction, or no setting at all but for its name.
bool is_transaction_mode(std::string_view setting);

// The tree of a text, or null when the grammar refuses it.
class tree {
 public:
  explicit tree(const std::string& text);
  ~tree() { pg_query__parse_result__free_unpacked(root_, nullptr); }
  tree(const tree&) = delete;
  tree& operator=(const tree&) = delete;

  const PgQuery__ParseResult* operator->() const { return root_; }
  explicit operator bool() const { return root_ != nullptr; }

 private:
  PgQuery__ParseResult* root_ = nullptr;
};

class tokens {
 public:
  explicit tokens(const std::string& text);
  ~tokens() { pg_query__scan_result__free_unpacked(all_, nullptr); }
  tokens(const tokens&) = delete;
  tokens& operator=(const tokens&) = delete;

  explicit operator bool() const { return all_ != nullptr; }
  std::size_t size() const { return all_->n_tokens; }
  const PgQuery__ScanToken& operator[](std::size_t i) const { return *all_->tokens[i]; }

 private:
  PgQuery__ScanResult* all_ = nullptr;  // null: no tokens of SQL
};

}  // namespace forebay
