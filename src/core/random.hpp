#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

// Randomness for keys, salts and nonces, from OpenSSL's generator. Ends the process if the system has none to give:
// nothing safe can be done without it.
namespace forebay {

std::string random_bytes(std::size_t count);
std::uint32_t random_u32();

}  // namespace forebay
