#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/wire/framer.hpp"
#include "session/client_state.hpp"

// A batch that one result may answer: a Query, or [Parse] Bind [Describe] Execute Sync about one statement and the
// unnamed portal, without a row limit, there to its Sync. Pure; views into what the client sent and its statements.
namespace forebay {

struct cache_request {
  std::string_view text;       // of the statement
  std::string_view types;      // as in Parse
  std::string_view arguments;  // of Bind: what stands behind its names
  statement_ptr statement;     // null: the text came along
  bool simple = false;
  bool describes = false;  // its portal
  bool parses = false;     // the unnamed statement is this one from now on

  static std::optional<cache_request> of(const wire::piece& first, wire::framer framer, std::string_view rest,
                                         const client_state& client);

  // All of it that shapes the answer, behind `scope`: cluster, database, login on the server, user, then settings.
  // ParseComplete is not a part of the answer: what a batch with a Parse is answered serves one without.
  void write_key(std::string_view scope, std::string& out) const;
  // A parameter is declared as a time of day: with a zone, or where it meets one, its offset is that of today.
  bool takes_times() const;
  // What may be shown of a key.
  struct described {
    std::string_view cluster, database, user, text;
  };
  static described describe(std::string_view key);
};

// What a server has answered to such a batch, as far as it may be given to others: rows and nothing else. Without its
// ParseComplete. Empty: it may not.
struct cacheable_reply {
  std::string_view bytes;
  std::size_t rows = 0;

  static cacheable_reply of(std::string_view reply, const cache_request& asked);
};

}  // namespace forebay
