#include "cache/redis_slots.hpp"

#include <algorithm>
#include <boost/crc.hpp>
#include <charconv>

#include "config/url.hpp"

namespace forebay {

std::uint16_t redis_slot(std::string_view key) {
  boost::crc_optimal<16, 0x1021, 0, 0, false, false> crc;  // CRC16-CCITT (XMODEM)
  crc.process_bytes(key.data(), key.size());
  return static_cast<std::uint16_t>(crc.checksum() % redis_slots::count);
}

std::optional<redis_redirect> redis_redirect::of(const redis_reply& reply) {
  if (reply.is != redis_reply::kind::error) return std::nullopt;
  std::string_view rest = reply.text;
  const auto what = config::cut(rest, rest.find(' '));
  if (what != "MOVED" && what != "ASK") return std::nullopt;
  const auto number = config::cut(rest, rest.find(' '));
  std::uint16_t slot = 0;
  const auto [end, ec] = std::from_chars(number.data(), number.data() + number.size(), slot);
  if (ec != std::errc{} || slot >= redis_slots::count || rest.rfind(':') == rest.npos) return std::nullopt;
  if (rest.starts_with("?:")) rest.remove_prefix(1);
  return redis_redirect{slot, std::string(rest), what == "MOVED"};
}

const std::string& redis_slots::node_of(std::uint16_t slot) const {
  return nodes_[of_[slot]];
}

std::uint16_t redis_slots::index_of(const std::string& node) {
  const auto found = std::ranges::find(nodes_, node);
  const auto index = found - nodes_.begin();
  if (found == nodes_.end()) nodes_.push_back(node);
  return static_cast<std::uint16_t>(index);
}

bool redis_slots::has(const std::string& node) const {
  return std::ranges::find(nodes_, node) != nodes_.end();
}

void redis_slots::set(std::uint16_t slot, const std::string& node) {
  of_[slot] = index_of(node);
}

// [[from, to, [host of the master, port, ...], [a replica] ...] ...]
bool redis_slots::read(const redis_reply& reply, const std::string& asked) {
  using kind = redis_reply::kind;
  if (reply.is != kind::list) return false;
  redis_slots fresh;
  for (const auto& range : reply.items) {
    if (range.is != kind::list || range.items.size() < 3) return false;
    const auto &from = range.items[0], &to = range.items[1], &master = range.items[2];
    if (from.is != kind::number || to.is != kind::number || master.is != kind::list || master.items.size() < 2)
      return false;
    if (from.number < 0 || from.number > to.number || to.number >= static_cast<std::int64_t>(count)) return false;
    const auto& told = master.items[0].text;
    const auto& host = told.empty() || told == "?" ? asked : told;
    const auto index = fresh.index_of(host + ":" + std::to_string(master.items[1].number));
    std::fill(fresh.of_.begin() + from.number, fresh.of_.begin() + to.number + 1, index);
  }
  *this = std::move(fresh);
  return true;
}

}  // namespace forebay
