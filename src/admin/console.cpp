#include "admin/console.hpp"

#include "admin/conversation.hpp"
#include "protocol/wire/status.hpp"

namespace forebay {
namespace {

// Which PgBouncer's console this one is like, for exporters and drivers that look; SHOW VERSION says our own.
constexpr std::string_view server_version = "1.25.0/forebay";

class console final : public console_session {
 public:
  console(std::shared_ptr<admin::console_shared> shared, admin::right granted)
      : conversation_(std::make_shared<admin::conversation>(std::move(shared), granted)) {}

  // What still runs goes on without us, or is undone.
  ~console() override { conversation_->cancel(); }
  void cancel() override { conversation_->cancel(); }

  std::string greeting() override {
    std::string bytes;
    wire::writer w(bytes);
    const std::pair<std::string_view, std::string_view> parameters[] = {{"server_version", server_version},
                                                                        {"client_encoding", "UTF8"},
                                                                        {"server_encoding", "UTF8"},
                                                                        {"DateStyle", "ISO"},
                                                                        {"TimeZone", "GMT"},
                                                                        {"standard_conforming_strings", "on"},
                                                                        {"integer_datetimes", "on"}};
    for (const auto& [name, value] : parameters)
      wire::parameter_status{name, value}.encode(w);
    return bytes;
  }

  void message(char type, std::string_view body, std::function<void(answer)> done) override {
    conversation_->message(type, body, std::move(done));
  }

 private:
  const std::shared_ptr<admin::conversation> conversation_;
};

}  // namespace

console_factory make_console_factory(control_surface& surface) {
  auto shared = std::make_shared<admin::console_shared>(surface);
  return [shared](const config::settings& settings, const std::string& user) -> std::unique_ptr<console_session> {
    const auto* known = settings.find_user(user);
    if (!known || (!known->admin && !known->stats)) return nullptr;
    return std::make_unique<console>(shared, known->admin ? admin::right::admin : admin::right::stats);
  };
}

}  // namespace forebay
