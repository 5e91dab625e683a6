// `sluice wire`: reads a capture (or makes one) and says what happened in it.
#pragma once

#include <string>

#include "wire/notes.h"

namespace sluice {

struct WireOptions {
    std::string file;  // a capture, or "-" for standard input
    wire::Language language = wire::Language::en;
    bool json = false;
    bool show_secrets = false;
};

// Returns the exit code: kExitFailure when the capture could not be read to its end.
[[nodiscard]] int wire_command(const WireOptions& options);

}  // namespace sluice
