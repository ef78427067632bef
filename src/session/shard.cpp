#include "session/shard.hpp"

#include "session/session.hpp"

namespace forebay {

void shard::accept(stream client) {
  std::make_shared<session>(*this, std::move(client))->start();
}

std::uint32_t shard::add(std::shared_ptr<session> s) {
  constexpr std::uint32_t mask = (1U << number_bits) - 1;
  std::uint32_t number = 0;
  do {
    last_number_ = (last_number_ + 1) & mask;
    number = static_cast<std::uint32_t>(on.index()) << number_bits | last_number_;
  } while (number == 0 || sessions_.contains(number));
  sessions_.emplace(number, std::move(s));
  return number;
}

std::shared_ptr<session> shard::find(std::uint32_t number) const {
  const auto found = sessions_.find(number);
  return found == sessions_.end() ? nullptr : found->second;
}

void shard::for_each(const std::function<void(session&)>& visit) {
  std::vector<std::uint32_t> numbers;
  numbers.reserve(sessions_.size());
  for (const auto& [number, s] : sessions_)
    numbers.push_back(number);
  for (const auto number : numbers) {
    if (const auto s = find(number)) visit(*s);
  }
}

void shard::drain() {
  draining_ = true;
  for_each([](session& s) { s.drain(); });
}

}  // namespace forebay
