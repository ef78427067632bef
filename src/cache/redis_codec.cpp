#include "cache/redis_codec.hpp"

#include <hiredis/hiredis.h>

#include <span>

namespace forebay {
namespace {

redisReader* of(void* reader) {
  return static_cast<redisReader*>(reader);
}

redis_reply to_reply(const redisReply& from) {
  using kind = redis_reply::kind;
  redis_reply made;
  switch (from.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
      made.is = from.type == REDIS_REPLY_STRING  ? kind::text
                : from.type == REDIS_REPLY_ERROR ? kind::error
                                                 : kind::status;
      made.text.assign(from.str, from.len);
      break;
    case REDIS_REPLY_INTEGER:
      made.is = kind::number;
      made.number = from.integer;
      break;
    case REDIS_REPLY_ARRAY:
      made.is = kind::list;
      for (const auto* item : std::span(from.element, from.elements))
        made.items.push_back(to_reply(*item));
      break;
    default:
      break;
  }
  return made;
}

void append(std::string& out, const std::string_view* words, std::size_t count) {
  out.append(1, '*').append(std::to_string(count)).append("\r\n");
  for (const auto word : std::span(words, count))
    out.append(1, '$').append(std::to_string(word.size())).append("\r\n").append(word).append("\r\n");
}

}  // namespace

void append_command(std::string& out, std::initializer_list<std::string_view> words) {
  append(out, words.begin(), words.size());
}

void append_command(std::string& out, const std::vector<std::string_view>& words) {
  append(out, words.data(), words.size());
}

void redis_reader::closer::operator()(void* reader) const {
  redisReaderFree(of(reader));
}

redis_reader::redis_reader(std::size_t most) : reader_(redisReaderCreate()), most_(most) {
  if (!reader_) throw std::bad_alloc();
}

bool redis_reader::feed(std::string_view bytes) {
  auto* reader = of(reader_.get());
  failed_ = failed_ || reader->len - reader->pos + bytes.size() > most_ ||
            redisReaderFeed(reader, bytes.data(), bytes.size()) != REDIS_OK;
  return !failed_;
}

std::optional<redis_reply> redis_reader::next() {
  if (failed_) return std::nullopt;
  void* found = nullptr;
  failed_ = redisReaderGetReply(of(reader_.get()), &found) != REDIS_OK;
  if (!found) return std::nullopt;
  const std::unique_ptr<void, void (*)(void*)> owned(found, freeReplyObject);
  return to_reply(*static_cast<redisReply*>(found));
}

}  // namespace forebay
