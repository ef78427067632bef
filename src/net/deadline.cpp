#include "net/deadline.hpp"

namespace forebay {

void deadline::set(deadline_queue& queue, steady::time_point at) {
  unlink();
  at_ = at;
  queue.pending_.insert(*this);
  if (at < queue.armed_for_) queue.arm(at);
}

void deadline_queue::arm(steady::time_point at) {
  armed_for_ = at;
  timer_.expires_at(at);
  timer_.async_wait([this](error_code ec) {
    if (!ec) on_timer();
  });
}

void deadline_queue::on_timer() {
  armed_for_ = steady::time_point::max();
  const auto now = steady::now();
  while (!pending_.empty() && pending_.begin()->at_ <= now) {
    auto& due = *pending_.begin();
    due.unlink();
    due.what_(due.owner_);  // may destroy `due`, and may set others
  }
  if (!pending_.empty() && pending_.begin()->at_ < armed_for_) arm(pending_.begin()->at_);
}

}  // namespace forebay
