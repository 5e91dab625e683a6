// The loader's own picture of the root: directories and files with what was last seen of them, and
// the entries made from them. Workers never see these; they see the entries, through snapshots.
//
// OWNERSHIP. A directory owns its files and subdirectories. The entries that a file currently
// stands for are owned by it until they are replaced; then they are retired and freed once no
// snapshot that contains them is held. Bytes outside the entry (a piece of the private file, an
// open descriptor) are shared by the entries that serve them.
//
// Loader's thread only.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "content/files.h"
#include "content/memory_file.h"
#include "content/watcher.h"
#include "core/clock.h"
#include "http/content_digest.h"
#include "http/entry.h"

namespace sluice::http {

// What the entries hold at the moment, retired ones included.
struct ContentUsage {
    std::uint64_t memory_bytes = 0;  // all of it
    std::uint64_t metadata_bytes =
        0;  // of that what is known of files and directories, bodies apart
    std::uint64_t open_files = 0;
};

// What a piece of memory of this size takes, with what the heap adds for itself.
[[nodiscard]] constexpr std::uint64_t heap_bytes(std::uint64_t size) noexcept {
    constexpr std::uint64_t kHeader = 8;
    constexpr std::uint64_t kGrain = 16;
    return (size + kHeader + kGrain - 1) / kGrain * kGrain;
}
// What a string has on the heap: short ones have nothing there.
[[nodiscard]] inline std::uint64_t heap_bytes(const std::string& text) noexcept {
    static const std::size_t kShort = std::string().capacity();
    return text.capacity() > kShort ? heap_bytes(text.capacity() + 1) : 0;
}

// So many known bytes, counted as long as it lives.
class MetadataBytes {
  public:
    MetadataBytes() = default;
    MetadataBytes(std::uint64_t bytes, ContentUsage& usage) : bytes_(bytes), usage_(&usage) {
        usage.metadata_bytes += bytes;
        usage.memory_bytes += bytes;
    }
    MetadataBytes(MetadataBytes&& other) noexcept { swap(other); }
    MetadataBytes& operator=(MetadataBytes&& other) noexcept {
        swap(other);
        return *this;
    }
    ~MetadataBytes() {
        if (usage_ != nullptr) {
            usage_->metadata_bytes -= bytes_;
            usage_->memory_bytes -= bytes_;
        }
    }

  private:
    void swap(MetadataBytes& other) noexcept {
        std::swap(bytes_, other.bytes_);
        std::swap(usage_, other.usage_);
    }

    std::uint64_t bytes_ = 0;
    ContentUsage* usage_ = nullptr;
};

// Small content between being read and being laid out in its entries' blocks. Counted, because a
// directory is read as a whole before its entries are made; at what the block will take, so that
// a large directory does not run past the budget.
class PendingBytes {
  public:
    PendingBytes() = default;
    PendingBytes(std::uint64_t size, std::uint64_t counted, ContentUsage& usage)
        : data_(std::make_unique_for_overwrite<char[]>(size)), counted_(counted), usage_(&usage) {
        usage_->memory_bytes += counted_;
    }
    PendingBytes(PendingBytes&& other) noexcept { swap(other); }
    PendingBytes& operator=(PendingBytes&& other) noexcept {
        swap(other);
        return *this;
    }
    ~PendingBytes() {
        if (data_ != nullptr) {
            usage_->memory_bytes -= counted_;
        }
    }

    [[nodiscard]] char* data() const { return data_.get(); }
    [[nodiscard]] explicit operator bool() const { return data_ != nullptr; }

  private:
    void swap(PendingBytes& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(counted_, other.counted_);
        std::swap(usage_, other.usage_);
    }

    std::unique_ptr<char[]> data_;
    std::uint64_t counted_ = 0;
    ContentUsage* usage_ = nullptr;
};

using SharedDigest = std::shared_ptr<const ContentDigest>;

// Bytes that are not in an entry's block. A live file has one for each version of its bytes.
class Storage {
  public:
    Storage(fs::File live, ContentUsage& usage) : live_(std::move(live)), usage_(usage) {
        ++usage_.open_files;
    }
    // Takes the `size` bytes behind the end of `memory`.
    Storage(MemoryFile& memory, std::uint64_t size, ContentUsage& usage)
        : memory_(&memory), offset_(memory.end()), size_(size), usage_(usage) {
        usage_.memory_bytes += memory.commit(size);
    }
    Storage(const Storage&) = delete;
    Storage& operator=(const Storage&) = delete;
    ~Storage() {
        if (memory_ != nullptr) {
            usage_.memory_bytes -= memory_->release(offset_, size_);
        } else {
            --usage_.open_files;
        }
    }

    [[nodiscard]] bool live() const { return memory_ == nullptr; }
    [[nodiscard]] std::intptr_t handle() const {
        return live() ? live_.handle() : memory_->handle();
    }
    [[nodiscard]] std::uint64_t offset() const { return offset_; }

    // Tells those who are sending the live file already, too. The first one stays.
    void set_digest(const SharedDigest& digest) const {
        if (digest_ == nullptr) {
            digest_ = digest;
            bytes_.digest.store(digest.get(), std::memory_order_release);
        }
    }
    [[nodiscard]] const LiveBytes& live_bytes() const { return bytes_; }

  private:
    fs::File live_;
    mutable SharedDigest digest_;
    mutable LiveBytes bytes_;
    MemoryFile* memory_ = nullptr;
    std::uint64_t offset_ = 0;
    std::uint64_t size_ = 0;
    ContentUsage& usage_;
};

struct FileNode;

// An entry with what only its owner needs to know.
struct OwnedEntry : Entry {
    OwnedEntry(FileNode* from, std::uint64_t version_of_source, ContentUsage& all)
        : node(from), source(version_of_source), usage(all) {}
    OwnedEntry(const OwnedEntry&) = delete;
    OwnedEntry& operator=(const OwnedEntry&) = delete;
    ~OwnedEntry() { usage.memory_bytes -= block_bytes; }

    FileNode* node;        // whose bytes these are; null for a redirect
    std::uint64_t source;  // FileNode::content_id that it was made from
    std::shared_ptr<const Storage> storage;
    MetadataBytes metadata;         // what it takes itself
    std::uint64_t block_bytes = 0;  // counted in `usage`
    ContentUsage& usage;
    std::uint64_t first_version = 0;  // version of the first snapshot that contains it
};

struct DirNode;

// What was found out of a file that may be a precompressed sibling. It is of these two contents:
// when either changes it means nothing any more.
struct SiblingNote {
    enum class State : std::uint8_t {
        undecided,  // asked for
        same,
        unusable,
    };
    std::uint64_t file_bytes = 0;  // FileNode::bytes_id of the file, and of the sibling
    std::uint64_t own_bytes = 0;
    State state = State::unusable;
};

// What is remembered of a file whose bytes are not looked at each time (follow.cpp).
struct Tracking {
    SharedDigest digest;  // of the version that is served; null until it is made

    // The last digest that was made of the file, and how the file looked then.
    struct Digested {
        fs::Info info;
        SharedDigest digest;
    };
    std::optional<Digested> digested;
    // A look of the file that may be the same bytes: the version served is kept for a moment while
    // that is found out.
    std::optional<fs::Info> candidate;
    Nanos candidate_since = 0;
    bool content_reported = false;  // bytes were reported to have changed since the version served

    bool growing = false;               // at its end: served from its file while it does
    bool busy = false;                  // changes come soon after each other
    std::optional<Nanos> changed_at;    // when the last change was seen
    std::optional<Nanos> published_at;  // when the growing version served was made

    // Its place among those that wait for a digest (DigestQueue); 0: it does not wait.
    Nanos wanted_at = 0;
    std::uint64_t wanted_seq = 0;
};

struct FileNode {
    DirNode* parent = nullptr;
    std::string name;
    MetadataBytes metadata;

    // The file as it was when its content was taken.
    fs::Info info;
    std::string validator;             // the etag without quotes and coding
    bool weak = false;                 // the validator is made of size and time, not of the bytes
    std::uint64_t content_id = 0;      // changes with the bytes and with their home; 0: none yet
    std::uint64_t bytes_id = 0;        // changes with the bytes alone
    std::string_view content_type;     // of its own path
    Coding coding = Coding::identity;  // what its bytes are coded with, seen as that type
    bool type_undecided = false;       // more of its bytes have to be looked at, and nobody does
    SiblingNote sibling;               // of the file whose name it continues, if there is one
    PendingBytes bytes;                // small content on its way into `own`
    std::shared_ptr<const Storage>
        storage;  // set unless the bytes are in memory or the file is cold
    bool unloaded = false;
    bool racy = false;       // changed so shortly before it was read that its times prove nothing
    bool link = false;       // reached through a symbolic link
    bool remote = false;     // on a file system that may not answer (remote_mounts.h)
    bool repeated = false;   // counted as such (DirNode::repeated)
    bool dirty = false;      // its entries wait to be made anew
    std::uint64_t seen = 0;  // number of the last listing that had it
    Nanos waiting_since = kNever;  // new content was seen and not yet taken: it is being written
    Nanos opened_at = 0;           // when a cold file was opened; 0: not on request
    std::unique_ptr<Tracking> tracking;  // null for small files

    // Served from the file itself: what it looks like stands for its bytes.
    [[nodiscard]] bool by_stamp() const {
        return content_id != 0 && (unloaded || (storage != nullptr && storage->live()));
    }

    [[nodiscard]] bool growing() const { return tracking != nullptr && tracking->growing; }

    // The entries that stand for it at the moment.
    OwnedEntry* own = nullptr;
    OwnedEntry* index = nullptr;                          // the same under the directory's path
    std::array<OwnedEntry*, kVariantCodings> variants{};  // made of the siblings
};

struct DirNode {
    DirNode* parent = nullptr;
    std::string name;
    std::string path;  // with its slash: "/", "/a/"
    MetadataBytes metadata;
    fs::Info info;
    WatchId watch = kNoWatch;
    std::uint32_t depth = 0;
    std::uint32_t links = 0;  // on the way to it
    // Names that end like a coding: without any, no one has siblings.
    std::uint32_t coded_files = 0;
    bool link = false;      // reached through a symbolic link itself
    bool repeated = false;  // the same as another one, by a link that it is or is below
    bool pending = false;   // on the list of those to be listed
    bool remote = false;    // its file system does not tell of all changes
    std::uint64_t seen = 0;
    std::uint64_t moved_in = 0;  // number of the walk that found it under a second name
    std::unordered_map<std::string, std::unique_ptr<FileNode>> files;
    std::unordered_map<std::string, std::unique_ptr<DirNode>> directories;
    std::vector<std::string> dirty;  // names of files whose entries wait to be made anew
    OwnedEntry* redirect = nullptr;  // "/a", when there is an index
};

// ".br", ".zst", ".gz": the file name suffix and the coding's name, by Coding - 1.
struct CodingName {
    std::string_view suffix;
    std::string_view token;
};
inline constexpr std::array<CodingName, kVariantCodings> kCodings = {
    {{".br", "br"}, {".zst", "zstd"}, {".gz", "gzip"}}};

[[nodiscard]] inline bool is_coded(std::string_view name) {
    return std::any_of(kCodings.begin(), kCodings.end(),
                       [name](const CodingName& coding) { return name.ends_with(coding.suffix); });
}

inline constexpr std::string_view kIndexName = "index.html";

}  // namespace sluice::http
