// The text timeline: one line for each frame, HTTP and notes below it, at most 100 columns. A sink
// that prints at once and keeps nothing.
#pragma once

#include "wire/analyzer.h"
#include "wire/output.h"

namespace sluice::wire {

struct TimelineOptions {
    Language language = Language::en;
    bool notes = true;
};

class Timeline final : public Sink {
  public:
    static constexpr std::size_t kColumns = 100;

    Timeline(Write write, const TimelineOptions& options);

    // Writes what is buffered, for a live capture.
    void flush() { out_.flush(); }

    void on_frame(const FrameEvent& event) override;
    void on_connection(const Connection& connection, std::span<const HttpEvent> http,
                       std::span<const Note> notes) override;
    void on_end(const Totals& totals, std::span<const Note> notes) override;

  private:
    void print_segment(const FrameEvent& event);
    void print_columns(const FrameEvent& event);
    void print_more(std::string_view mark, std::string_view text);
    void print_http(const HttpEvent& event);
    void print_note(const Note& note, std::uint64_t frame);

    Output out_;
    std::string text_;  // of the current line
    const TimelineOptions options_;
    std::uint64_t told_[static_cast<std::size_t>(Rule::count)] = {};  // frame of the first note
    Nanos begin_ = 0;
    bool begun_ = false;
};

}  // namespace sluice::wire
