// Content codings made by the libraries that define them: for siblings that hold what they should,
// and for streams that no honest program writes. One implementation for each system, which may have
// gzip alone (coded_*.cpp).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/entry.h"

namespace sluice::test {

struct CodedOptions {
    int window_log = 0;         // 0: what the encoder takes by itself
    bool large_window = false;  // br: beyond its RFC
};

// The codings that this system has, gzip among them.
[[nodiscard]] std::vector<http::Coding> codings();
[[nodiscard]] std::string coded(http::Coding coding, std::string_view text,
                                const CodedOptions& options = {});

// A stream without an end: `start`, then `more` again and again; each `more` decodes to `step` more
// zeros.
struct Endless {
    std::string start;
    std::string more;
    std::size_t step = 0;
};
[[nodiscard]] Endless endless_zeros(http::Coding coding);

// Codings other than gzip, from coded_*.cpp. `pieces` are flushed one by one; the last one ends the
// stream.
[[nodiscard]] std::vector<std::string> system_coded(http::Coding coding,
                                                    const std::vector<std::string_view>& pieces,
                                                    const CodedOptions& options);
[[nodiscard]] std::vector<http::Coding> system_codings();

}  // namespace sluice::test
