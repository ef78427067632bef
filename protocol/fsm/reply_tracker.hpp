#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

// What one server connection still owes: the proxy's central machine (PostgreSQL manual, "Message Flow", "Pipelining",
// "COPY Operations"). It mirrors the server's own state from the requests sent to it and the messages it sent back.
//
// Use, per server connection, on one thread:
//   tracker.sent(request::parse, action::swallow, id);   // in the order of the bytes written to the server
//   tracker.take_synthesized(id) ...                      // when a Flush was sent, and after each received()
//   auto r = tracker.received(type, body);                // for each backend message, on its first piece
// FIFO: each request is answered in order; after an ErrorResponse to an extended-protocol request everything up to the
// next Sync is dropped, by the server and so by the tracker.
namespace forebay::fsm {

enum class request : std::uint8_t {
  query,
  parse,
  bind,
  describe_statement,
  describe_portal,
  execute,
  close,
  sync,
  flush,
  function_call,
  copy_data,
  copy_done,
  copy_fail,
};

enum class action : std::uint8_t {
  forward,     // the client asked and gets the reply
  swallow,     // we asked (preamble, injected Parse): the reply is ours
  synthesize,  // the server is not asked: we answer for it (ParseComplete, CloseComplete) when its turn comes
};

// A request that was answered in full, or dropped unanswered behind an error.
struct outcome {
  request kind;
  action what;
  std::uint32_t id;
};

class reply_tracker {
 public:
  enum class verdict : std::uint8_t {
    forward,    // to the client
    swallow,    // ours
    violation,  // the server may not send this now: close the connection
  };

  // A request was written to the server, or for action::synthesize would have been. `id` comes back in outcomes.
  // Requests behind an error and before a Sync are ignored, as the server ignores them; such a parse appears in dropped().
  void sent(request kind, action what = action::forward, std::uint32_t id = 0);

  // A backend message arrived; `body` needs to be there only for ReadyForQuery (one byte). Asynchronous messages
  // (NoticeResponse, ParameterStatus, NotificationResponse) take the verdict of the request being answered,
  // NotificationResponse always forward.
  verdict received(char type, std::string_view body);

  // The request that received() just completed, if it did.
  std::optional<outcome> completed() const { return completed_; }
  // Requests dropped since the last call of sent() or received() (every kind; callers care for parse).
  const std::vector<outcome>& dropped() const { return dropped_; }

  // Pops one synthesized request whose turn has come. Call until empty before handing on a received message, after
  // received(), and after a Flush was sent.
  std::optional<outcome> take_synthesized();

  // Released only then: nothing owed, every batch synced, no COPY, transaction status 'I'.
  bool idle() const { return settled() && status_ == 'I' && !ambiguous_; }
  // Nothing owed and nothing half said, whatever the transaction status.
  bool settled() const;
  // Last transaction status: 'I' idle, 'T' in a transaction, 'E' in a failed one.
  char status() const { return status_; }
  bool copy_in() const { return copy_in_; }
  // An extended batch was begun and not yet ended by Sync (or a Query): the server may be waiting for one.
  bool unsynced() const { return unsynced_; }
  // The server skips everything up to the next Sync.
  bool skipping() const { return skipping_; }
  std::size_t owed() const { return fifo_.size() - head_; }
  // How many ReadyForQuery the server still owes.
  std::size_t ready_owed() const;
  // The action of the request being answered; forward when none is.
  action current_action() const;
  // The tracker lost certainty of what the server owes (Sync interleaved with COPY data, then an error): never reuse.
  bool ambiguous() const { return ambiguous_; }

 private:
  struct entry {
    request kind;
    action what;
    std::uint32_t id;
  };

  const entry* front() const { return head_ < fifo_.size() ? &fifo_[head_] : nullptr; }
  void pop();
  void drop_until_sync();
  void begin_copy_in();
  void end_copy();
  verdict on_error();
  verdict on_ready(std::string_view body);

  std::vector<entry> fifo_;  // [head_, end): outstanding, oldest first
  std::size_t head_ = 0;
  std::vector<outcome> dropped_;
  std::optional<outcome> completed_;
  char status_ = 'I';
  bool unsynced_ = false;
  bool skipping_ = false;
  bool copy_in_ = false;
  bool copy_out_ = false;
  bool copy_data_sent_ = false;
  bool copy_ended_ = false;         // CopyDone or CopyFail was sent
  bool sync_in_data_ = false;       // a Sync was sent between pieces of COPY data
  bool misplaced_in_copy_ = false;  // something else that has no place in COPY was sent
  bool ambiguous_ = false;
};

}  // namespace forebay::fsm
