#include "cache/redis_codec.hpp"

#include <hiredis/hiredis.h>

#include <span>

namespace forebay {
namespace {

redisReader* of(void* reader) {
  return static_cast<redisReader*>(reader);
}

// What hiredis makes of a reply: a redis_reply, or an item of the one that is being made.
redis_reply* add(const redisReadTask* task, redis_reply made) {
  if (!task->parent) return new redis_reply(std::move(made));
  auto& items = static_cast<redis_reply*>(task->parent->obj)->items;
  return &items.emplace_back(std::move(made));
}

void* on_text(const redisReadTask* task, char* text, std::size_t size) {
  using kind = redis_reply::kind;
  redis_reply made;
  made.is = task->type == REDIS_REPLY_ERROR    ? kind::error
            : task->type == REDIS_REPLY_STATUS ? kind::status
                                               : kind::text;
  made.text.assign(text, size);
  return add(task, std::move(made));
}

void* on_list(const redisReadTask* task, int) {
  redis_reply made;
  made.is = redis_reply::kind::list;
  return add(task, std::move(made));
}

void* on_number(const redisReadTask* task, long long value) {
  redis_reply made;
  made.is = redis_reply::kind::number;
  made.number = value;
  return add(task, std::move(made));
}

void* on_nil(const redisReadTask* task) {
  return add(task, {});
}

void drop(void* reply) {
  delete static_cast<redis_reply*>(reply);
}

// Its own would make room for as many items as a list says to have.
redisReplyObjectFunctions makers{on_text, on_list, on_number, on_nil, drop};

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

redis_reader::redis_reader(std::size_t most) : reader_(redisReaderCreateWithFunctions(&makers)), most_(most) {
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
  const std::unique_ptr<redis_reply> owned(static_cast<redis_reply*>(found));
  return owned ? std::optional(std::move(*owned)) : std::nullopt;
}

}  // namespace forebay
