// Writes the capture again as pcapng, with a comment on each packet that carries a note: Wireshark
// shows it with its explanations. libpcap cannot write pcapng, and few blocks are needed.
//
// A sink: streams, keeps nothing. Frames keep their bytes, lengths and nanosecond stamps. Only the
// parts that the analyzer says are secret become 'x'. The TCP checksum is then updated, so that it
// stays as good or as bad as it was (RFC 1624). Source:
// draft-ietf-opsawg-pcapng, sections 4.1 (section header), 4.2 (interface description), 4.3
// (enhanced packet), 4.5 (name resolution), 4.6 (interface statistics).
#pragma once

#include <string>

#include "wire/analyzer.h"
#include "wire/output.h"

namespace sluice::wire {

struct PcapngOptions {
    Language language = Language::en;
    int link_type = 1;  // as in files
    std::uint32_t snap_length = 0;
    std::string interface;      // its name, when it is known
    bool hides_secrets = true;  // the section's comment says so
};

class Pcapng final : public Sink {
  public:
    Pcapng(Write write, const PcapngOptions& options);

    void on_frame(const FrameEvent& event) override;
    void on_connection(const Connection& connection, std::span<const HttpEvent> http,
                       std::span<const Note> notes) override;
    void on_end(const Totals& totals, std::span<const Note> notes) override;

  private:
    void block(std::uint32_t type, const std::string& body);

    std::string body_;  // of the current block

    Output out_;
    const PcapngOptions options_;
};

}  // namespace sluice::wire
