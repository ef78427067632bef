"""The rules by which results are shared (docs/adr/0015)."""

from mutation import Mutation

SISTERS, LINK, CLIENT, STORED, TELLS, CLOCK, SLOTS = (
    f"src/cache/{what}.cpp" for what in ("sisters", "redis_link", "redis_client", "stored_result", "sister_link", "clock", "redis_slots"))
SESSION, DESK, SHARD, APP = "src/session/session_redis.cpp", "src/session/cache_desk.cpp", "src/session/shard.cpp", "src/app/application.cpp"

MUTATIONS = [Mutation(*m, tests="test_redis.py") for m in (
    # ---- what is taken
    ("what was written here is in it", SISTERS, "  if (clock.is_pending() || std::max(clock.own(), least_.load()) > fence.of(own_)) return false;", "  if (clock.is_pending()) return false;"),
    ("nothing while a write is under way", SISTERS, "  if (clock.is_pending() || std::max(clock.own(), least_.load()) > fence.of(own_)) return false;", "  if (clock.own() > fence.of(own_)) return false;"),
    ("what sisters have written is in it", SISTERS, "return each.position <= fence.of(each.who);", "return each.position <= fence.of(each.who) || true;"),
    ("nothing while it is in doubt", SISTERS, "  if (database.empty() || clock.of()->is_in_doubt()) return false;", "  if (database.empty()) return false;"),
    ("all it depends on is looked at", SESSION, "!std::ranges::all_of(wanted.verdict.depends, has_all)", "!std::ranges::any_of(wanted.verdict.depends, has_all)"),
    ("the age counts from its first reading", SESSION, "  if (age >= wanted.verdict.ttl || ", "  if ("),
    ("the key is compared", STORED, "made.key != key || ", ""),
    ("the checksum is", STORED, "  if (in.failed() || sum != XXH3_64bits(in.rest().data(), in.rest().size())) return std::nullopt;", "  (void)sum;"),
    ("the server and its timeline are in the key", SESSION, "  add_key_field(fill.shared_key, where.incarnation);\n", ""),
    ("nobody waits for ever", SESSION, "redis->ask(name, std::move(commands), home_.on.now() + limit,", "redis->ask(name, std::move(commands), home_.on.now() + std::chrono::hours(1),"),
    # ---- what is told
    ("the position is of what was known before", SESSION, "  fill.others = home_.process.cache.book.fence(fill.fence);\n", ""),
    ("a gap is noticed", SISTERS, "  if (news.number > last + 1) return false;\n", ""),
    ("first what was written, then how far", SISTERS, "  hold.unlock();\n  apply(fresh);\n  hold.lock();\n  for (const auto& [who, at] : positions_now)", "  for (const auto& [who, at] : positions_now)"),
    ("own writes are told", CLOCK, "  changes ? changes->note(*this, [&] { move(ticket, true); }) : move(ticket, true);", "  (void)changes;\n  move(ticket, true);"),
    ("what is told is kept for later", TELLS, "append_command(keep, words);", 'append_command(keep, {"PING"});'),
    ("all is told to a Redis that has come back", TELLS, "      if (each.own() != 0) told.push_back(&each);\n", "      (void)each;\n"),
    ("whoever begins to listen learns", TELLS, '  if (what == "subscribe") return want_to_learn();\n', '  if (what == "subscribe") return;\n'),
    ("what sisters write empties memory", APP, "        clocks.of(each.relation).heard(shared.take_ticket(shared.view_of(cluster)));\n", "        (void)clocks;\n"),
    ("a flush is of all", "src/admin/show_cache.cpp", "    cache.flush([](const auto&, const auto&) { return true; });", "    cache.forget([](const auto&, const auto&) { return true; });"),
    ("what ran without catalogs is judged", DESK, "    if (!written) clocks_.all().wrote();\n", ""),
    # ---- Redis
    ("a slow one is let alone", LINK, "++late_in_a_row_ < patience) continue;", "++late_in_a_row_ < 1000000) continue;"),
    ("those who wait are told that it is gone", LINK, "    each.tell(outcome::lost, none);\n", "    (void)none;\n"),
    ("redirects are followed", CLIENT, "    if (where && !what->told_late && follow(what, from, *where)) return;\n", "    (void)where;\n"),
    ("ASKING is said", CLIENT, '    if (asking) append_command(commands, {"ASKING"});\n', '    if (asking) append_command(commands, {"PING"});\n'),
    ("slots are by the key", SLOTS, "  crc.process_bytes(key.data(), key.size());\n", ""),
    ("a reload changes it", SHARD, "  use_redis();\n  if (follows", "  if (follows"),
)]
