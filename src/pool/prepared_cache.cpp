#include "pool/prepared_cache.hpp"

namespace forebay {

bool prepared_cache::use(const statement_ptr& s) {
  const auto found = by_statement_.find(s.get());
  if (found == by_statement_.end()) return false;
  order_.splice(order_.begin(), order_, found->second);
  return true;
}

void prepared_cache::add(const statement_ptr& s) {
  if (use(s)) return;
  order_.push_front(s);
  by_statement_.emplace(s.get(), order_.begin());
}

void prepared_cache::remove(const statement* s) {
  const auto found = by_statement_.find(s);
  if (found == by_statement_.end()) return;
  order_.erase(found->second);
  by_statement_.erase(found);
}

void prepared_cache::clear() {
  order_.clear();
  by_statement_.clear();
}

}  // namespace forebay
