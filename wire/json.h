// JSON Lines: one object for each frame, each connection and the end, in order. docs/wire.md
// describes the schema; its name and version are in the first line.
#pragma once

#include "wire/analyzer.h"
#include "wire/output.h"

namespace sluice::wire {

inline constexpr std::string_view kJsonSchema = "sluice-wire/1";

class JsonLines final : public Sink {
  public:
    JsonLines(Write write, std::string_view source, bool show_secrets);

    void on_frame(const FrameEvent& event) override;
    void on_connection(const Connection& connection, std::span<const HttpEvent> http,
                       std::span<const Note> notes) override;
    void on_end(const Totals& totals, std::span<const Note> notes) override;
    // The last line when the capture broke off; it says why.
    void on_error(std::string_view why);

  private:
    void segment(const FrameEvent& event);
    void options(const TcpOptions& options, bool syn);
    void http(std::span<const HttpEvent> events);
    void message(const HttpEvent& event);
    void notes(std::span<const Note> notes);
    void side(const Connection& connection, int which);
    void mark(std::string_view name, Mark mark);
    void text(std::string_view name, std::string_view value);  // ,"name":"value"

    Output out_;
    const bool show_secrets_;
};

}  // namespace sluice::wire
