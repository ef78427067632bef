#include "pool/prepared_cache.hpp"

namespace forebay {

bool prepared_cache::use(const statement_ptr& s) {
  const auto found = by_statement_.find(s.get());
  if (found == by_statement_.end()) return false;
  order_.splice(order_.begin(), order_, found->second);
  return true;
}

bool prepared_cache::prepared_before(const statement_ptr& s, std::uint32_t era) const {
  const auto found = by_statement_.find(s.get());
  return found != by_statement_.end() && found->second->era != era;
}

void prepared_cache::add(const statement_ptr& s, std::uint32_t era) {
  if (use(s)) return;
  order_.push_front({s, era});
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
