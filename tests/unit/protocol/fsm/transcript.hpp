#pragma once

#include <string_view>

#include "protocol/fsm/reply_tracker.hpp"

// Plays a conversation with a reply_tracker, written down as a transcript. Steps end at a ';' or at the end of the
// line:
//   > Parse            the client's request was sent; "> Parse 7 swallow": with this id and action
//   > probe Bind       the probe was sent, here instead of a Bind that waits
//   < 1                the server's message came, is the client's and completes nothing and drops nothing; words behind
//   it
//                      say otherwise: "< 1 swallow Parse", "< E Parse 1 Bind 2" (dropped), "< 3 Bind dropped", "< Z T
//                      Sync", "< X violation"; "< E data" has SQLSTATE 22P02
//   ~ Parse 3          take_synthesized() gives this one; "~": nothing
//   = owed 2 unsynced  the state: exactly these of owed N, unsynced, skipping, copy_in, doubt, skip; and
//                      settled (T, E) or idle, which nothing else may stand beside
//   # ...              remark
namespace forebay::fsm {

void play(reply_tracker& tracker, std::string_view transcript);
inline void play(std::string_view transcript) {
  reply_tracker tracker;
  play(tracker, transcript);
}

}  // namespace forebay::fsm
