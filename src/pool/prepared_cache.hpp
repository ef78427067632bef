#pragma once

#include <cstddef>
#include <cstdint>
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
  // `era`: of the node's schema as it is prepared; 0 where that is not known.
  void add(const statement_ptr& s, std::uint32_t era = 0);
  bool prepared_before(const statement_ptr& s, std::uint32_t era) const;
  void remove(const statement* s);
  void clear();
  std::size_t size() const { return by_statement_.size(); }
  // The least recently used one; null when empty.
  statement_ptr oldest() const { return order_.empty() ? nullptr : order_.back().what; }

 private:
  struct entry {
    statement_ptr what;
    std::uint32_t era;
  };
  std::list<entry> order_;  // most recently used first
  std::unordered_map<const statement*, std::list<entry>::iterator> by_statement_;
};

}  // namespace forebay
