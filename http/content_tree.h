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
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "http/content.h"
#include "http/fs.h"
#include "http/memory_file.h"
#include "http/watcher.h"

namespace sluice::http {

// What the entries hold at the moment, retired ones included.
struct ContentUsage {
    std::uint64_t memory_bytes = 0;
    std::uint64_t open_files = 0;
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

// Bytes that are not in an entry's block.
class Home {
  public:
    Home(fs::File live, ContentUsage& usage) : live_(std::move(live)), usage_(usage) {
        ++usage_.open_files;
    }
    // Takes the `size` bytes behind the end of `memory`.
    Home(MemoryFile& memory, std::uint64_t size, ContentUsage& usage)
        : memory_(&memory), offset_(memory.end()), size_(size), usage_(usage) {
        usage_.memory_bytes += memory.commit(size);
    }
    Home(const Home&) = delete;
    Home& operator=(const Home&) = delete;
    ~Home() {
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

  private:
    fs::File live_;
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
    std::shared_ptr<const Home> home;
    std::uint64_t block_bytes = 0;  // counted in `usage`
    ContentUsage& usage;
    std::uint64_t born = 0;  // version of the first snapshot that contains it
};

struct DirNode;

struct FileNode {
    DirNode* parent = nullptr;
    std::string name;

    // The file as it was when its content was taken.
    fs::Info info;
    std::string validator;             // the etag without quotes and coding
    std::uint64_t content_id = 0;      // changes with the bytes and with their home; 0: none yet
    PendingBytes bytes;                // small content on its way into `own`
    std::shared_ptr<const Home> home;  // set unless the bytes are in memory or the file is cold
    bool cold = false;
    bool racy = false;       // changed so shortly before it was read that its times prove nothing
    bool link = false;       // reached through a symbolic link
    bool dirty = false;      // its entries wait to be made anew
    std::uint64_t seen = 0;  // number of the last listing that had it
    std::int64_t unsettled_since_ns =
        0;                // wall clock; its new content waits for a pause in writing
    Nanos opened_at = 0;  // when a cold file was opened; 0: not on request

    // The entries that stand for it at the moment.
    OwnedEntry* own = nullptr;
    OwnedEntry* index = nullptr;                          // the same under the directory's path
    std::array<OwnedEntry*, kVariantCodings> variants{};  // made of the siblings
};

struct DirNode {
    DirNode* parent = nullptr;
    std::string name;
    std::string path;  // with its slash: "/", "/a/"
    fs::Info info;
    WatchId watch = kNoWatch;
    std::uint32_t depth = 0;
    bool link = false;
    std::uint64_t seen = 0;
    std::uint32_t coded_files =
        0;  // names that end like a coding: without any, no one has siblings
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
