// Whether a precompressed sibling decodes to the bytes of its file: both are read in parallel, the
// sibling through its decoder, up to the first difference or one byte beyond the end of the file.
// So a stream that decodes without end costs no more than the file.
//
// A pure function of what its readers return; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <stop_token>

#include "core/result.h"
#include "http/entry.h"

namespace sluice::http {

enum class SiblingVerdict : std::uint8_t {
    same,
    different,    // or not a stream that a browser can decode
    cannot_tell,  // reading failed, no memory, stopped, or the coding is unknown here
};

// Reads up to `room` bytes from `offset`; none at the end, perhaps fewer than asked for anywhere.
using ReadAt =
    std::function<std::expected<std::size_t, Status>(std::uint64_t offset, char* out, std::size_t)>;

[[nodiscard]] SiblingVerdict check_sibling(Coding coding, const ReadAt& file, const ReadAt& sibling,
                                           const std::stop_token& stop);

}  // namespace sluice::http
