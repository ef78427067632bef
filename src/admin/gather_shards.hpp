#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "session/shard.hpp"

// Sessions belong to their workers' threads. This asks every shard on its own thread and hands all answers, in the
// order of the shards, to `done` on the thread of the shard that answered last. Nobody waits.
namespace forebay::admin {

template <class Part>
void gather_shards(proxy& process, std::function<Part(shard&)> ask, std::function<void(std::vector<Part>)> done) {
  struct inquiry {
    std::function<Part(shard&)> ask;
    std::function<void(std::vector<Part>)> done;
    std::vector<Part> parts;  // each slot is written by one thread, all are read after the last
    std::atomic<std::size_t> missing;
  };
  const auto count = process.shards.size();
  if (count == 0) return done({});
  auto all = std::make_shared<inquiry>();
  all->ask = std::move(ask);
  all->done = std::move(done);
  all->parts.resize(count);
  all->missing = count;
  for (std::size_t i = 0; i < count; ++i) {
    shard* s = process.shards[i].get();
    s->on.post([all, s, i] {
      all->parts[i] = all->ask(*s);
      if (all->missing.fetch_sub(1) == 1) all->done(std::move(all->parts));
    });
  }
}

// What the shards have counted by reasons, added up.
using reason_counts = std::map<std::string, std::uint64_t>;
inline void gather_reasons(proxy& process, std::unordered_map<const char*, std::uint64_t> shard::*which,
                           std::function<void(const reason_counts&)> done) {
  gather_shards<reason_counts>(
      process,
      [which](shard& s) {
        reason_counts found;
        for (const auto& [reason, count] : s.*which)
          found[reason] += count;
        return found;
      },
      [done = std::move(done)](const std::vector<reason_counts>& parts) {
        reason_counts all;
        for (const auto& part : parts)
          for (const auto& [reason, count] : part)
            all[reason] += count;
        done(all);
      });
}

}  // namespace forebay::admin
