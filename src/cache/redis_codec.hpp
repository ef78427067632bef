#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Redis's protocol (RESP2, "Redis serialization protocol specification"), by hiredis. Pure: bytes in, values out.
namespace forebay {

struct redis_reply {
  enum class kind : std::uint8_t { nil, text, status, error, number, list };
  kind is = kind::nil;
  std::string text;  // of a text, a status and an error
  std::int64_t number = 0;
  std::vector<redis_reply> items;

  bool is_error(std::string_view code) const { return is == kind::error && text.starts_with(code); }
};

void append_command(std::string& out, std::initializer_list<std::string_view> words);
void append_command(std::string& out, const std::vector<std::string_view>& words);

class redis_reader {
 public:
  // More bytes than this without a whole reply are no reply.
  explicit redis_reader(std::size_t most);

  // False: this is not Redis's protocol, or more than is wanted; nothing comes any more.
  bool feed(std::string_view bytes);
  std::optional<redis_reply> next();
  bool failed() const { return failed_; }

 private:
  struct closer {
    void operator()(void* reader) const;
  };
  std::unique_ptr<void, closer> reader_;
  std::size_t most_;
  bool failed_ = false;
};

}  // namespace forebay
