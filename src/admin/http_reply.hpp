#pragma once

#include <string>
#include <string_view>

// What is told over HTTP: a page, and how it goes to a client that says what it can read and what it has (RFC 9110).
// Pure.
namespace forebay::admin {

struct http_page {
  unsigned status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

struct http_reply {
  unsigned status = 200;  // 304 where the client has it already
  std::string type;
  std::string body;
  std::string encoding;  // of the body: "", "br", "gzip" or "deflate"
  std::string etag;      // of a page that is there (status 200), in its quotes
};

// `accept_encoding`, `if_none_match`: the request's header fields; empty: there is none.
http_reply make_http_reply(http_page page, std::string_view accept_encoding, std::string_view if_none_match);

// Smaller ones are not worth it.
inline constexpr std::size_t least_compressed = 1024;  // bytes

}  // namespace forebay::admin
