// Expert notes: rules that explain what was captured. Each rule has an id, a severity, a section of
// a standard as its source, and a sentence in English and Chinese. Each note names the frames that
// it is about. The rules are pure functions of a frame's event and the connection's NoteState.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "report/severity.h"

namespace sluice::wire {

struct FrameEvent;
struct Connection;

using report::Severity;

enum class Language : std::uint8_t { en, zh };

[[nodiscard]] constexpr std::string_view in(Language language, std::string_view en,
                                            std::string_view zh) noexcept {
    return language == Language::en ? en : zh;
}

enum class Rule : std::uint8_t {
    frame_larger_than_mss,
    checksum_not_filled_in,
    checksum_bad,
    second_copy,
    nothing_captured,
    relative_numbers,
    handshake_missing,
    connection_refused,
    connection_silent,
    ports_reused,
    simultaneous_open,
    close_in_three,
    close_in_four,
    close_simultaneous,
    half_close,
    reset_after_response,
    reset_of_connection,
    retransmission,
    segment_not_captured,
    ack_of_unseen,
    zero_window,
    window_full,
    keep_alive_probe,
    http_not_modified,
    http_favicon,
    http_cut_short,
    http_pipelined,
    http_interim,
    http_head_has_no_body,
    http_credentials,
    http_closed_by_version,
    count,
};

struct RuleText {
    std::string_view id;  // "close.three_segments"
    Severity severity;
    std::string_view source;  // "RFC 9293 section 3.6"
    std::string_view en;      // {0} and {1} stand for a note's arguments
    std::string_view zh;
};
[[nodiscard]] const RuleText& text_of(Rule rule) noexcept;

struct Note {
    Rule rule = Rule::count;
    std::uint64_t stream = 0;
    bool has_stream = false;
    std::array<std::uint64_t, 4> frames{};  // zeros at the end are unused
    std::string arguments[2];
};
[[nodiscard]] std::string sentence(const Note& note, Language language);

// What the rules remember about a connection.
struct NoteState {
    std::uint64_t said = 0;  // a bit for each rule that has made a note
    std::uint64_t last_response_frame = 0;
    bool requests_waiting = false;
    bool syn_ack_seen = false;
};

class Notes {
  public:
    void see(const FrameEvent& event, NoteState& state, std::vector<Note>& out);
    // At the end of a connection, and of the capture.
    void end_connection(const Connection& connection, std::vector<Note>& out) const;
    void end_capture(std::uint64_t segments, std::vector<Note>& out) const;

  private:
    void see_segment(const FrameEvent& event, NoteState& state, std::vector<Note>& out);
    void see_http(const FrameEvent& event, NoteState& state, std::vector<Note>& out) const;
    void see_close(const FrameEvent& event, NoteState& state, std::vector<Note>& out) const;

    bool said_relative_ = false;
    bool said_copies_ = false;
};

}  // namespace sluice::wire
