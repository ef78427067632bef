#include <cstdlib>
#include <new>

#include "support.hpp"

namespace {

thread_local std::size_t total = 0;

}  // namespace

void* operator new(std::size_t size) {
  total += size;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

std::size_t forebay::wire::test::allocated() {
  return total;
}

TEST_CASE("the count of allocations sees a vector grow") {
  const auto before = forebay::wire::test::allocated();
  const std::string text(1000, 'x');
  CHECK(forebay::wire::test::allocated() >= before + text.size());
}
