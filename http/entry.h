// Entry: one representation of what is served, or a directory that redirects, as an immutable
// value.
//
// OWNERSHIP. Made by the loader's thread, shared between successive snapshots, and never changed
// once published; the loader's thread counts and frees them. A worker reads an entry only through
// the snapshot that its ContentView holds, or when it has pinned it. Looking one up takes no
// lock and no atomic operation.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "http/content_digest.h"

namespace sluice::http {

enum class Coding : std::uint8_t { identity, br, zstd, gzip };
inline constexpr std::size_t kVariantCodings = 3;  // br, zstd, gzip: in this order of preference

enum class EntryKind : std::uint8_t {
    file,       // also the path of a directory with its slash, when it has an index
    directory,  // a directory without its slash: 301 to the same with the slash
};

struct Entry {
    std::string path;  // normalised and decoded: "/a/b.html", "/a/" for the index of /a, "/a"
    EntryKind kind = EntryKind::file;
    Coding coding = Coding::identity;  // of a variant, or of a file that is nothing without it
    std::uint64_t size = 0;
    std::int64_t mtime_seconds = 0;
    std::string etag;               // with its quotes, perhaps with W/; differs between codings
    std::string_view content_type;  // storage that outlives the entry
    // Precompressed siblings, by Coding - 1; null where there is none. Only on identity entries.
    std::array<const Entry*, kVariantCodings> variants{};
    // A variant exists, or may turn out to, here or on the sibling: every answer carries Vary.
    bool vary = false;

    // The bytes, stored in exactly one of three ways:
    //  - memory: `block` holds the prepared 200 head's entry part, then the body, contiguous;
    //  - the memory file (memfd): bytes cannot change; stamp is all zero;
    //  - the live file: stamp says what it must still look like.
    // An unloaded entry has none of them: ask the view to load it.
    std::unique_ptr<char[]> block;
    std::uint32_t block_head_bytes = 0;  // bytes of head before the body in `block`
    std::intptr_t file = -1;
    std::uint64_t file_offset = 0;
    FileStamp stamp;
    const LiveBytes* live = nullptr;  // of a live file: what is known of its bytes
    bool unloaded = false;

    [[nodiscard]] bool in_memory() const { return block != nullptr; }
    [[nodiscard]] std::string_view memory() const { return {block.get() + block_head_bytes, size}; }
    [[nodiscard]] bool live_file() const { return file >= 0 && stamp != FileStamp{}; }

    // Prepared header lines of this representation, each ended by CRLF, without status line, Date
    // and Connection. Made when the entry is (ContentOptions::prepare; http1/response.h).
    std::string head_200;  // with Content-Length, ends with the empty line
    std::string head_304;  // what a 304 carries (RFC 9110 section 15.4.5), ends with empty line

    // Pins that have outlived the snapshot they were made in; the loader frees it at 0 only.
    mutable std::atomic<std::uint32_t> holders{0};
};

}  // namespace sluice::http
