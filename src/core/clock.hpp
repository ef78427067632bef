#pragma once

#include <chrono>

namespace forebay {

// The only clock that time-outs, waits and ages go by. Logic never reads it: it is told the time.
using steady = std::chrono::steady_clock;

}  // namespace forebay
