#pragma once

#include <cstddef>
#include <list>
#include <unordered_map>

#include "pool/statement.hpp"

// Which statements one server connection has prepared, least recently used first out.
namespace forebay {

class prepared_cache {
 public:
  // Whether the server has it; if so it becomes the most recently used.
  bool use(const statement_ptr& s);
  bool has(const statement_ptr& s) const { return by_statement_.contains(s.get()); }
  void add(const statement_ptr& s);
  void remove(const statement* s);
  void clear();
  std::size_t size() const { return by_statement_.size(); }
  // The least recently used one; null when empty.
  statement_ptr oldest() const { return order_.empty() ? nullptr : order_.back(); }

 private:
  std::list<statement_ptr> order_;  // most recently used first
  std::unordered_map<const statement*, std::list<statement_ptr>::iterator> by_statement_;
};

}  // namespace forebay
