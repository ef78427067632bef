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
//
// COPY FROM STDIN makes one thing uncertain. The server ignores a Sync among the data, but not one that it reads when
// the COPY has failed, and nothing tells which it was: so when such a COPY fails, the server is asked. A request that
// may begin a COPY must be answered before the next request is sent, and room_for() says what else must wait.
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

// What type of message a request is (manual, "Message Formats"), and the other way round: none for Sync, Flush and the
// messages of a COPY, which ask nothing.
char type_of(request kind);
std::optional<request> request_of(char type);
// Whether there are such messages of a client at all, once it has logged in; Terminate apart.
bool is_client_type(char type);

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
    withhold,   // a ReadyForQuery: the client's if another one comes, else it answers our probe
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
  bool settled() const { return owed() == 0 && !unsynced_ && !skipping_ && copy_ == copy_mode::none && !in_doubt(); }
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
  // Whether a message of the client may be sent now; `is_request`: any but Sync, Flush and those of a COPY.
  enum class room : std::uint8_t {
    yes,
    later,  // behind the next answer
    probe,  // the same, and the server is to be asked: see probe()
  };
  room room_for(bool is_request) const;
  // Sync, Close and Sync of ours were sent, to learn what became of the client's Syncs within a failed COPY.
  // `instead_of`: a request of the client that waits for this, and that a COPY still going on will fail over.
  void probe(std::optional<request> instead_of);
  bool in_doubt() const { return doubt_ != doubt::none; }
  // The message just received has ended a doubt, and without our probe the server would still skip to the next Sync: so
  // must the client's messages be.
  bool skip_goes_on() const { return skip_goes_on_; }

 private:
  enum class copy_mode : std::uint8_t { none, in, out };
  enum class doubt : std::uint8_t { none, unasked, asked };
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
  verdict begin_doubt(verdict of_error);
  bool end_doubt();
  verdict verdict_of_front() const;
  verdict on_reply(char type);
  verdict on_error(std::string_view body);
  verdict on_ready(std::string_view body);

  std::vector<entry> fifo_;  // [head_, end): outstanding, oldest first
  std::size_t head_ = 0;
  std::vector<outcome> dropped_;
  std::optional<outcome> completed_;
  std::uint32_t copy_ends_ = 0;   // as in entry, sent behind the last one
  std::uint32_t copy_syncs_ = 0;  // Syncs sent within the COPY going on, or the one in doubt
  std::uint32_t ready_seen_ = 0;  // in doubt: how many ReadyForQuery have come
  char status_ = 'I';
  copy_mode copy_ = copy_mode::none;  // of the request at the front
  bool copy_end_sent_ = false;        // in copy_mode::in: what ends it was sent
  bool misplaced_ = false;            // in copy_mode::in: by a request that has no place there
  bool parameters_seen_ = false;      // ParameterDescription came, the first half of the answer to describe_statement
  bool unsynced_ = false;
  bool skipping_ = false;
  bool failed_ = false;  // since the last ReadyForQuery
  bool skips_ = false;   // in doubt: or the server skips to the next Sync
  bool doomed_ = false;  // it has failed over a request within: the server ends the connection
  bool skip_goes_on_ = false;
  doubt doubt_ = doubt::none;
  std::optional<request> asked_instead_of_;
};

}  // namespace forebay::fsm
