#include "core/random.hpp"

#include <openssl/rand.h>

#include <cstdlib>
#include <cstring>

namespace forebay {

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) std::abort();
  return bytes;
}

std::uint32_t random_u32() {
  const auto bytes = random_bytes(sizeof(std::uint32_t));
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace forebay
