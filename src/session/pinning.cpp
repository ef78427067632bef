#include "session/pinning.hpp"

#include <array>

namespace forebay {

std::string_view to_text(pin_reason reason) {
  static constexpr std::array<std::string_view, 9> names = {
      "",       "session_mode",       "setting", "advisory_lock", "temporary_table", "hold_cursor",
      "listen", "prepared_statement", "load"};
  return names[static_cast<std::size_t>(reason)];
}

pin_reason pin_before(effect::mask effects) {
  if (effects & effect::advisory_lock) return pin_reason::advisory_lock;
  if (effects & effect::temporary) return pin_reason::temporary_table;
  if (effects & effect::set_function) return pin_reason::setting;
  return pin_reason::none;
}

pin_reason pin_after(std::string_view tag, effect::mask effects) {
  if ((tag == "SET" || tag == "RESET") && (effects & (effect::setting | effect::several))) return pin_reason::setting;
  if (tag == "LISTEN") return pin_reason::listen;
  if (tag == "PREPARE") return pin_reason::prepared_statement;
  if (tag == "LOAD") return pin_reason::load;
  if (tag == "DECLARE CURSOR" && (effects & effect::hold_cursor)) return pin_reason::hold_cursor;
  return pin_reason::none;
}

}  // namespace forebay
