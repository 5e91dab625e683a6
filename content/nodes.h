// The loader's tree: directories and files as last seen, and the entries made from them. Workers
// never see the nodes; they see the entries, through snapshots.
//
// OWNERSHIP. A directory owns its files and subdirectories. A file owns its current entries until
// they are replaced. Then they are retired: freed once no snapshot that contains them is held, and
// no pin. Bytes outside the entry (a range of the memory file, an open descriptor) are shared by
// the entries that serve them.
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

// What nodes and entries hold at the moment, retired entries included.
struct ContentUsage {
    std::uint64_t memory_bytes = 0;    // all of it
    std::uint64_t metadata_bytes = 0;  // of that the metadata of files and directories
    std::uint64_t open_files = 0;
};

// What an allocation of this size takes, with the heap's own overhead.
[[nodiscard]] constexpr std::uint64_t heap_bytes(std::uint64_t size) noexcept {
    constexpr std::uint64_t kHeader = 8;
    constexpr std::uint64_t kAlignment = 16;
    return (size + kHeader + kAlignment - 1) / kAlignment * kAlignment;
}
// What a string takes on the heap: short ones take nothing.
[[nodiscard]] inline std::uint64_t heap_bytes(const std::string& text) noexcept {
    static const std::size_t kShort = std::string().capacity();
    return text.capacity() > kShort ? heap_bytes(text.capacity() + 1) : 0;
}

// A number of metadata bytes, counted in the usage as long as this lives.
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

// Small content that was read and is not yet in its entries' blocks. A directory is read completely
// before its entries are made, so this is counted, at the size of the block to come: a large
// directory must not exceed the budget.
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

// Where bytes outside an entry's block are stored: in the memory file, or in the live file, which
// has one Storage for each version of its bytes.
class Storage {
  public:
    // `remote`: its file system may not answer.
    Storage(fs::File live, bool remote, ContentUsage& usage)
        : live_(std::move(live)), usage_(usage) {
        bytes_.remote = remote;
        ++usage_.open_files;
    }
    // Commits the `size` bytes behind the end of `memory`.
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

    // Reaches those who are already sending the live file, too. The first digest stays.
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
    MetadataBytes metadata;         // what the entry itself takes
    std::uint64_t block_bytes = 0;  // counted in `usage`
    ContentUsage& usage;
    std::uint64_t first_version = 0;  // version of the first snapshot that contains it
};

struct DirNode;

// The result of checking a file that may be a precompressed sibling. It holds for these two
// contents only: when either changes, it is void.
struct SiblingNote {
    enum class State : std::uint8_t {
        undecided,  // being checked
        same,
        unusable,
    };
    std::uint64_t file_bytes = 0;  // FileNode::bytes_id of the file, and of the sibling
    std::uint64_t own_bytes = 0;
    State state = State::unusable;
};

// What is remembered of a file whose bytes are not read each time (follow.cpp).
struct Tracking {
    SharedDigest digest;  // of the version that is served; null until it is made

    // The last digest that was made of the file, and the file's info then.
    struct Digested {
        fs::Info info;
        SharedDigest digest;
    };
    std::optional<Digested> digested;
    // An info with which the bytes may be the same: the version served is kept for a moment while
    // that is found out.
    std::optional<fs::Info> candidate;
    Nanos candidate_since = 0;
    bool content_reported = false;  // bytes were reported to have changed since the version served

    bool growing = false;               // at its end: served from its file meanwhile
    bool busy = false;                  // changes follow each other quickly
    std::optional<Nanos> changed_at;    // when the last change was seen
    std::optional<Nanos> published_at;  // when the version of a growing file was made

    // Its position among those that wait for a digest (DigestQueue); 0: it does not wait.
    Nanos wanted_at = 0;
    std::uint64_t wanted_seq = 0;
};

struct FileNode {
    DirNode* parent = nullptr;
    std::string name;
    MetadataBytes metadata;

    // The file as it was when its content was taken.
    fs::Info info;
    std::string validator;             // the ETag without quotes and coding
    bool weak = false;                 // the validator is made of size and time, not of the bytes
    std::uint64_t content_id = 0;      // changes with the bytes and with their storage; 0: none yet
    std::uint64_t bytes_id = 0;        // changes with the bytes alone
    std::string_view content_type;     // of its own path
    Coding coding = Coding::identity;  // the coding of its bytes, given that type
    bool type_undecided = false;       // more bytes have to be read, and no check is under way
    SiblingNote sibling;               // of the file whose name it extends, if there is one
    PendingBytes bytes;                // small content for the block of `own`
    std::shared_ptr<const Storage> storage;  // set unless the bytes are in the block or unloaded
    bool unloaded = false;
    bool racy = false;       // changed so shortly before it was read that its times prove nothing
    bool link = false;       // reached through a symbolic link
    bool remote = false;     // on a file system that may not answer (remote_mounts.h)
    bool repeated = false;   // counted as such (DirNode::repeated)
    bool dirty = false;      // its entries have to be rebuilt
    std::uint64_t seen = 0;  // number of the last listing that had it
    Nanos waiting_since = kNever;        // when new content was seen that is still being written
    Nanos opened_at = 0;                 // when it was opened on request; 0: not on request
    std::unique_ptr<Tracking> tracking;  // null for small files

    // Served from the file itself: its metadata stands for its bytes.
    [[nodiscard]] bool by_stamp() const {
        return content_id != 0 && (unloaded || (storage != nullptr && storage->live()));
    }

    [[nodiscard]] bool growing() const { return tracking != nullptr && tracking->growing; }

    // Its current entries.
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
    std::uint32_t links = 0;  // on the path to it
    // Number of names that end like a coding: with none, no file has siblings.
    std::uint32_t coded_files = 0;
    bool link = false;      // reached through a symbolic link itself
    bool repeated = false;  // the same directory as another node's, through a link
    bool pending = false;   // on the list of those to be listed
    bool remote = false;    // on a file system that does not report all changes
    std::uint64_t seen = 0;
    std::uint64_t moved_in = 0;  // number of the walk that found it under a second name
    std::unordered_map<std::string, std::unique_ptr<FileNode>> files;
    std::unordered_map<std::string, std::unique_ptr<DirNode>> directories;
    std::vector<std::string> dirty;  // names of files whose entries have to be rebuilt
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
