#include "net/interfaces.hpp"

#include <ifaddrs.h>
#include <netinet/in.h>

namespace forebay {
namespace {

ip_address address_of(const sockaddr* from) {
  if (from && from->sa_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in*>(from)->sin_addr;
    return ip_address::of(reinterpret_cast<const std::uint8_t*>(&in), 4);
  }
  if (from && from->sa_family == AF_INET6) {
    const auto& in = reinterpret_cast<const sockaddr_in6*>(from)->sin6_addr;
    return ip_address::of(reinterpret_cast<const std::uint8_t*>(&in), 16);
  }
  return {};
}

void for_each_interface(auto&& visit) {
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return;
  for (const auto* each = all; each; each = each->ifa_next) {
    const auto address = address_of(each->ifa_addr);
    if (address.size != 0) visit(address, address_of(each->ifa_netmask));
  }
  freeifaddrs(all);
}

}  // namespace

std::vector<ip_address> own_addresses() {
  std::vector<ip_address> found;
  for_each_interface([&](const ip_address& address, const ip_address&) { found.push_back(address); });
  return found;
}

std::vector<ip_network> own_networks() {
  std::vector<ip_network> found;
  for_each_interface([&](const ip_address& address, const ip_address& mask) {
    if (const auto network = ip_network::of(address, mask)) found.push_back(*network);
  });
  return found;
}

}  // namespace forebay
