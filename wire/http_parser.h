// One direction of an HTTP conversation: bytes in, messages out. Part of HttpConversation, whose
// header says how messages are read; this class holds the state of the current one.
#pragma once

#include <llhttp.h>

#include <memory>
#include <string_view>

#include "wire/http.h"

namespace sluice::wire {

class HttpConversation::Parser {
  public:
    Parser(HttpConversation& owner, int direction, bool requests) noexcept
        : owner_(owner), direction_(direction), requests_(requests) {}

    void feed(std::string_view bytes, Origin origin);
    void gap(std::uint64_t bytes, Origin origin);
    void end(Origin origin, bool aborted);
    // How many of the next bytes are content, whatever their values.
    [[nodiscard]] std::uint64_t content_ahead() const noexcept;

  private:
    enum class Mode : std::uint8_t { line, fields, body, seek, dead };

    [[nodiscard]] static Parser& self(llhttp_t* machine) noexcept {
        return *static_cast<Parser*>(machine->data);
    }
    [[nodiscard]] static llhttp_settings_t make_settings() noexcept;
    [[nodiscard]] static llhttp_t make_machine(bool requests) noexcept;

    [[nodiscard]] int on_name(std::string_view part);
    [[nodiscard]] int on_value(std::string_view part);
    [[nodiscard]] int on_head_end();
    void on_body(std::string_view part);

    void begin(Origin origin);
    [[nodiscard]] std::string_view take_line(std::string_view bytes, Origin origin);
    void line_complete(Origin origin);
    [[nodiscard]] std::string_view execute(std::string_view bytes, Origin origin);
    void account(std::size_t bytes, Origin origin);
    void message_complete(Origin origin);
    void give_up(std::string_view why, Origin origin);
    void leave(Mode mode);
    void hide(std::string_view part);

    HttpConversation& owner_;
    const int direction_;
    const bool requests_;
    Mode mode_ = Mode::line;
    bool naming_ = false;
    bool ended_ = false;
    bool in_chunk_ = false;
    bool filling_ = false;  // the bytes replace some that were not captured
    bool keep_body_ = true;
    llhttp_t machine_{};
    std::shared_ptr<HttpExchange> exchange_;
    HttpMessage* message_ = nullptr;  // the current one, in exchange_
    const char* fed_ = nullptr;       // the current bytes, and their stream offset
    std::uint64_t fed_at_ = 0;
};

}  // namespace sluice::wire
