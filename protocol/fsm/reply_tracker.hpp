#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

// What one server connection still owes: the proxy's central machine (PostgreSQL manual, "Message Flow", "Pipelining",
// "COPY Operations"; PostgreSQL's tcop/postgres.c and copyfromparse.c). It mirrors the server's own state from the
// requests sent to it and the messages it sent back.
//
// Use, per server connection, on one thread:
//   tracker.sent(request::parse, action::swallow, id);  // in the order of the bytes written to the server
//   tracker.take_synthesized() ...                      // when a Flush was sent, before and after each received()
//   auto r = tracker.received(type, body);              // for each backend message, on its first piece
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

  bool operator==(const outcome&) const = default;
};

class reply_tracker {
 public:
  enum class verdict : std::uint8_t {
    forward,    // to the client
    swallow,    // ours
    violation,  // the server may not send this now: close the connection
  };

  // A request was written to the server, or for action::synthesize would have been. `id` comes back in outcomes.
  // Requests behind an error and before a Sync are dropped, as the server ignores them.
  void sent(request kind, action what = action::forward, std::uint32_t id = 0);

  // A backend message arrived; `body` needs to be there only for ReadyForQuery (one byte) and should be for
  // ErrorResponse. Asynchronous messages
  // (NoticeResponse, ParameterStatus, NotificationResponse) take the verdict of the request being answered,
  // NotificationResponse always forward. An ErrorResponse with nothing owed is the server's last word: forward.
  verdict received(char type, std::string_view body);

  // The request that received() just completed, if it did.
  std::optional<outcome> completed() const { return completed_; }
  // Requests dropped by the last call of sent() or received(), in order (every kind; callers care for parse).
  const std::vector<outcome>& dropped() const { return dropped_; }

  // Pops one synthesized request whose turn has come. Call until empty before handing on a received message, after
  // received(), and after a Flush was sent.
  std::optional<outcome> take_synthesized();

  // Released only then: nothing owed, every batch synced, no COPY, transaction status 'I'.
  bool idle() const { return settled() && status_ == 'I'; }
  // Nothing owed and nothing half said, whatever the transaction status.
  bool settled() const { return owed() == 0 && !unsynced_ && !skipping_ && copy_ == copy_mode::none && !ambiguous(); }
  // Last transaction status: 'I' idle, 'T' in a transaction, 'E' in a failed one.
  char status() const { return status_; }
  bool copy_in() const { return copy_ == copy_mode::in; }
  // In a COPY FROM STDIN whose end has not been sent.
  bool wants_copy_data() const { return copy_in() && !copy_end_sent_; }
  // An extended batch was begun and not yet ended by Sync (or a Query): the server may be waiting for one.
  bool unsynced() const { return unsynced_; }
  // The server skips everything up to the next Sync.
  bool skipping() const { return skipping_; }
  std::size_t owed() const { return fifo_.size() - head_; }
  // How many of them end in a ReadyForQuery.
  std::size_t ready_owed() const;
  // Whether the server skips a new request when one before it fails: a batch is unanswered that no Sync has ended. (A
  // Query ends it for good only when it is reached.)
  bool may_skip() const;
  // Behind an error of a COPY that fails over one of our own requests: the client's request that would have been there
  // without it.
  std::optional<request> request_within_copy() const;
  // A new request may find a failed transaction, or a COPY that has no place for it.
  bool may_refuse() const;
  // The action of the request being answered; forward when none is.
  action current_action() const;
  // The id of the request that the last message of the server belongs to.
  std::uint32_t current_id() const { return completed_ ? completed_->id : front() ? front()->id : 0; }
  // It is not known what the server owes. A Sync that it may have taken for part of a COPY, before the COPY failed, or
  // may still answer: this ends with the first answer to a later request. With requests behind such
  // a Sync, that were skipped or not, it ends with an answer that cannot be theirs, or never: while nothing of ours is
  // owed, what the requests sent do not explain is the client's. Such a connection is not settled.
  bool ambiguous() const { return lost_ || stray_ready_ > 0; }
  bool lost() const { return lost_; }
  // Ambiguous, but any request sent now will settle it.
  bool answer_would_settle() const {
    return stray_ready_ > 0 && !lost_ && owed() == 0 && !unsynced_ && !skipping_ && copy_ == copy_mode::none;
  }

 private:
  enum class copy_mode : std::uint8_t { none, in, out };
  struct entry {
    request kind;
    action what;
    std::uint32_t id;
    std::uint32_t copy_ends;  // CopyDone and CopyFail sent right before it and not yet known to have ended a COPY
  };

  const entry* front() const { return head_ < fifo_.size() ? &fifo_[head_] : nullptr; }
  void pop();
  void drop_until_sync();
  void begin_copy_in();
  void doubt(const outcome& first);
  verdict verdict_of_front() const;
  verdict on_reply(char type);
  verdict on_error(std::string_view body);
  verdict on_ready(std::string_view body);
  verdict unexplained(char type, std::string_view body);

  std::vector<entry> fifo_;  // [head_, end): outstanding, oldest first
  std::size_t head_ = 0;
  std::vector<outcome> dropped_;
  std::optional<outcome> completed_;
  std::uint32_t copy_ends_ = 0;    // as in entry, sent behind the last one
  std::uint32_t copy_syncs_ = 0;   // Syncs that the server reads, or has read, as part of the COPY going on
  std::uint32_t stray_ready_ = 0;  // ReadyForQuery that may come unasked, of such Syncs of a COPY that failed
  char status_ = 'I';
  copy_mode copy_ = copy_mode::none;  // of the request at the front
  bool copy_end_sent_ = false;        // in copy_mode::in: what ends it was sent
  bool misplaced_ = false;            // in copy_mode::in: by a request that has no place there
  bool parameters_seen_ = false;      // ParameterDescription came, the first half of the answer to describe_statement
  bool unsynced_ = false;
  bool skipping_ = false;
  bool lost_ = false;
  std::optional<request> doubted_;  // lost, but an answer that this request cannot have ends that
};

}  // namespace forebay::fsm
