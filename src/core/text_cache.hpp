#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

// What was found out about texts, bounded in bytes: the text used longest ago goes first. Used on one thread.
//
//   if (const auto* known = cache.find(text)) return *known;
//   cache.put(std::string(text), value, bytes of what the value holds);
namespace forebay {

template <class Value>
class text_cache {
 public:
  explicit text_cache(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // Null: not known. Valid until the next put().
  const Value* find(std::string_view text) {
    const auto known = by_text_.find(text);
    if (known == by_text_.end()) return nullptr;
    order_.splice(order_.begin(), order_, known->second);
    return &known->second->value;
  }

  // Of a text that is not known yet.
  void put(std::string text, Value value, std::size_t value_bytes) {
    const auto bytes = text.size() + value_bytes + overhead;
    order_.push_front({std::move(text), std::move(value), bytes});
    by_text_.emplace(order_.front().text, order_.begin());
    bytes_ += bytes;
    while (bytes_ > max_bytes_) {
      bytes_ -= order_.back().bytes;
      by_text_.erase(order_.back().text);
      order_.pop_back();
    }
  }

  // Of a text that is known: another value, of no more bytes. False: it is not known.
  bool replace(std::string_view text, Value value) {
    const auto known = by_text_.find(text);
    if (known == by_text_.end()) return false;
    known->second->value = std::move(value);
    return true;
  }

  std::size_t bytes() const { return bytes_; }

 private:
  struct entry {
    std::string text;
    Value value;
    std::size_t bytes;
  };
  static constexpr std::size_t overhead = sizeof(entry) + 80;  // and the nodes of list and map

  std::list<entry> order_;  // most recently used first
  std::unordered_map<std::string_view, typename std::list<entry>::iterator> by_text_;
  const std::size_t max_bytes_;
  std::size_t bytes_ = 0;
};

}  // namespace forebay
