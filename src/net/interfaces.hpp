#pragma once

#include <vector>

#include "core/ip.hpp"

// The addresses of this machine, and the networks they are in, as they are now.
namespace forebay {

std::vector<ip_address> own_addresses();
std::vector<ip_network> own_networks();

}  // namespace forebay
