#include "pool/prepared_cache.hpp"

#include <doctest/doctest.h>

namespace forebay {
namespace {

statement_ptr make(const char* query) {
  return intern_statement(query, {"\0\0", 2}, nullptr);
}

TEST_CASE("prepared_cache: the least recently used one is the oldest") {
  const auto a = make("a"), b = make("b"), c = make("c");
  prepared_cache cache;
  CHECK(cache.size() == 0);
  CHECK(cache.oldest() == nullptr);
  cache.add(a);
  cache.add(b);
  cache.add(c);
  CHECK(cache.size() == 3);
  CHECK(cache.oldest() == a);
  CHECK(cache.use(a));
  CHECK(cache.oldest() == b);
  cache.add(b);  // again: a use
  CHECK(cache.size() == 3);
  CHECK(cache.oldest() == c);
  CHECK(cache.has(c));  // asking is no use
  CHECK(cache.oldest() == c);
}

TEST_CASE("prepared_cache: the era in which a statement was prepared stays") {
  const auto a = make("a"), b = make("b");
  prepared_cache cache;
  cache.add(a, 1);
  cache.add(b, 2);
  cache.add(a, 2);  // a use
  CHECK(cache.prepared_before(a, 2));
  CHECK_FALSE(cache.prepared_before(b, 2));
  CHECK_FALSE(cache.prepared_before(make("c"), 2));
}

TEST_CASE("prepared_cache: removed is gone") {
  const auto a = make("a"), b = make("b");
  prepared_cache cache;
  cache.add(a);
  cache.add(b);
  cache.remove(a.get());
  CHECK_FALSE(cache.has(a));
  CHECK_FALSE(cache.use(a));
  CHECK(cache.oldest() == b);
  cache.remove(a.get());
  CHECK(cache.size() == 1);
  cache.clear();
  CHECK(cache.size() == 0);
  CHECK_FALSE(cache.use(b));
  CHECK(cache.oldest() == nullptr);
  cache.add(b);
  CHECK(cache.oldest() == b);
}

TEST_CASE("prepared_cache: keeps its statements alive") {
  prepared_cache cache;
  cache.add(make("kept"));
  const std::weak_ptr<const statement> kept = cache.oldest();
  CHECK_FALSE(kept.expired());
  cache.remove(kept.lock().get());
  CHECK(kept.expired());
}

}  // namespace
}  // namespace forebay
