#pragma once

#include <string>
#include <string_view>

#include "core/text_cache.hpp"
#include "protocol/fsm/scram.hpp"

// What SCRAM stores of passwords in clear, remembered by user: it costs a millisecond. An unknown user is remembered
// like a known one, with no password, so that a second attempt takes as long for both. On one worker's thread.
namespace forebay {

class salted_passwords {
 public:
  fsm::scram_secret of(const std::string& user, std::string_view password, std::string_view salt) {
    auto key = user;
    key.append(1, '\0').append(password);
    if (const auto* known = known_.find(key); known && known->salt == salt) return *known;
    auto made = fsm::scram_secret::derive(password, salt, fsm::scram_default_iterations);
    if (!known_.replace(key, made)) known_.put(std::move(key), made, sizeof made + 128);
    return made;
  }

 private:
  text_cache<fsm::scram_secret> known_{1 << 20};
};

}  // namespace forebay
