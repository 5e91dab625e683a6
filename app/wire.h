// `sluice wire`: reads a capture (or makes one) and says what happened in it.
#pragma once

#include <cstdint>
#include <string>

#include "wire/notes.h"

namespace sluice {

struct WireOptions {
    std::string file;  // a capture, or "-" for standard input
    std::string live;  // an interface
    std::uint16_t port = 0;
    bool lab = false;
    std::string lab_root = "site";
    bool browser = false;
    wire::Language language = wire::Language::en;
    bool json = false;
    bool show_secrets = false;
    std::string html;  // files to write
    std::string markdown;
    std::string pcapng;
};

// Returns the exit code: kExitFailure when the capture could not be read to its end.
[[nodiscard]] int wire_command(const WireOptions& options);

}  // namespace sluice
