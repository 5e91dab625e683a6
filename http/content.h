// Content: what the server serves, as immutable values.
//
// An Entry is one representation (or a directory that redirects). A Snapshot is the whole tree at
// one moment: path -> Entry. Both are made by the loader's thread and never change once published.
//
// OWNERSHIP. Entries are shared between successive snapshots; the loader's thread counts and frees
// them. A worker reads entries only through the snapshot that its ContentView holds, or that it has
// pinned. No lock, no atomic on the way of a request.
//
// A pin keeps one entry, not the snapshot it was found in: a snapshot of 100,000 entries has a
// table of some 5 MB, and each slow download could keep another one alive while the site is being
// edited.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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

    // The bytes, in exactly one of three homes:
    //  - memory: `block` holds the prepared 200 head's entry part, then the body, contiguous;
    //  - a file of our own (memfd): bytes cannot change; stamp is all zero;
    //  - the live file: stamp says what it must still look like.
    // A cold entry has none of them: ask the view to load it.
    std::unique_ptr<char[]> block;
    std::uint32_t block_head_bytes = 0;  // bytes of head before the body in `block`
    std::intptr_t file = -1;
    std::uint64_t file_offset = 0;
    FileStamp stamp;
    const LiveBytes* live = nullptr;  // of a live file: what is known of its bytes
    bool cold = false;

    [[nodiscard]] bool in_memory() const { return block != nullptr; }
    [[nodiscard]] std::string_view memory() const { return {block.get() + block_head_bytes, size}; }
    [[nodiscard]] bool live_file() const { return file >= 0 && stamp != FileStamp{}; }

    // Prepared header lines of this representation, each ended by CRLF, without status line, Date
    // and Connection. Made when the entry is (ContentOptions::prepare; http1/response.h).
    std::string head_200;     // with Content-Length, ends with the empty line
    std::string head_304;     // what a 304 carries (RFC 9110 section 15.4.5), ends with empty line
    std::string head_common;  // for 206: without Content-Type, Content-Length and the empty line

    // Pins that have outlived the snapshot they were made in; the loader frees it at 0 only.
    mutable std::atomic<std::uint32_t> holders{0};
};

// Path -> entry, open addressing over XXH3 hashes. Immutable.
class Snapshot {
  public:
    // `entries` stay owned by the loader and outlive the snapshot.
    Snapshot(std::vector<const Entry*> entries, std::uint64_t version);

    // An entry that takes the place of another of the same path; null before: it is new; null
    // after: it is gone.
    struct Change {
        const Entry* before = nullptr;
        const Entry* after = nullptr;
    };
    // A snapshot that differs from `base` by these changes, applied in their order. Costs a copy
    // of the table, not a look at every entry.
    Snapshot(const Snapshot& base, std::span<const Change> changes, std::uint64_t version);

    [[nodiscard]] const Entry* find(std::string_view path) const noexcept;
    [[nodiscard]] std::uint64_t version() const { return version_; }
    [[nodiscard]] const std::vector<const Entry*>& entries() const { return entries_; }

    // How many holders (the loader itself, views) still look at it; the loader frees it at 0.
    mutable std::atomic<std::uint32_t> holders{0};

  private:
    // The entry itself, and not only its index, so that a look-up touches three lines of memory:
    // the bucket, the entry, the entry's path.
    struct Bucket {
        const Entry* entry = nullptr;  // null: empty
        std::uint32_t hash = 0;        // the low half, which also says where the entry belongs
        std::uint32_t index = 0;       // into entries_
    };
    void size_for(std::size_t entries);
    void place(const Bucket& bucket) noexcept;
    [[nodiscard]] Bucket& bucket_of(const Entry* entry) noexcept;
    void erase(const Entry* entry) noexcept;

    std::vector<const Entry*> entries_;
    std::vector<Bucket> buckets_;
    std::uint64_t mask_ = 0;
    std::uint64_t version_ = 0;
};

class LoadQueue;

// Keeps an entry alive while its bytes are being sent. Lives in the sender, and does not move while
// it holds one. Worker's thread.
class EntryPin {
  public:
    EntryPin() = default;
    EntryPin(const EntryPin&) = delete;
    EntryPin& operator=(const EntryPin&) = delete;

    [[nodiscard]] const Entry* entry() const noexcept { return entry_; }  // null: holds none

  private:
    friend class ContentView;
    const Entry* entry_ = nullptr;
    // Among the pins of the view's current snapshot; `listed_` until that is replaced.
    EntryPin* before_ = nullptr;
    EntryPin* after_ = nullptr;
    bool listed_ = false;
};

// One worker's window on the content. The loader puts the newest snapshot into `offer`; the worker
// takes it between two requests. Worker's thread only, except offer().
class ContentView {
  public:
    // The loader's way in: replaces an offer that was not taken yet, and lets go of that one.
    // Any thread.
    void offer(const Snapshot* snapshot) noexcept;

    // Takes a waiting offer; true when the current snapshot changed.
    bool refresh() noexcept;
    [[nodiscard]] const Snapshot& current() const noexcept { return *current_; }
    [[nodiscard]] bool ready() const noexcept { return current_ != nullptr; }

    // Keeps an entry of the current snapshot alive beyond the next refresh(). Balanced by unpin(),
    // before the view goes.
    void pin(EntryPin& pin, const Entry& entry) noexcept;
    void unpin(EntryPin& pin) noexcept;

    // Asks the loader for a cold entry of the current snapshot; the answer is a new snapshot.
    // False when the bounded queue is full.
    [[nodiscard]] bool request_load(const Entry& entry) noexcept;

    ContentView() = default;
    ~ContentView();
    ContentView(const ContentView&) = delete;
    ContentView& operator=(const ContentView&) = delete;

    // The store does it, in the beginning.
    void connect(LoadQueue* queue) noexcept { queue_ = queue; }

  private:
    std::atomic<const Snapshot*> offer_{nullptr};
    const Snapshot* current_ = nullptr;
    EntryPin* pins_ = nullptr;  // of entries of the current snapshot
    LoadQueue* queue_ = nullptr;
};

}  // namespace sluice::http
