// ContentLoader: reads the bytes of one file and decides where they are stored.
//
// STORAGE, in this order: small files in memory, where the entry keeps them behind its head; larger
// ones in one memory file, from which they can be sent without a copy and yet cannot change; what
// exceeds the budget stays in its own file, held open (a live file); beyond the number of
// descriptors the file is unloaded: it is opened when it is requested.
//
// CONSISTENCY. A file is examined before and after it is read; when the two differ, what was read
// is discarded. A file that changed within the clock tick in which it was read looks the same both
// times: it is marked racy, and its owner reads it again a little later.
//
// VERSIONS of live files are told apart by a digest of their bytes, made in the background
// (digest_queue.h). Until it exists the validator is weak, made of size and modification time.
// follow.cpp says how such a file is followed from look to look.
//
// Loader's thread. Fails by value only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "content/files.h"
#include "content/memory_file.h"
#include "content/nodes.h"
#include "content/type.h"
#include "core/clock.h"

namespace sluice::http {

struct ContentOptions {
    std::string root;
    // For bodies and metadata in memory together. Metadata is kept in any case: when it exceeds the
    // budget, all bodies stay on disk.
    std::uint64_t memory_budget_bytes = 256ULL * 1024 * 1024;
    // Limit of the metadata; files beyond it are not served.
    std::uint64_t metadata_bytes_max = UINT64_MAX;
    // Bodies up to this size are sent from one block, together with their head.
    std::uint32_t block_bytes_max = 16 * 1024;
    // Files held open beyond the budget; 0: a quarter of what the process may open. While old
    // versions are still being sent, the number may reach twice this.
    std::uint64_t open_files_max = 0;
    std::uint64_t entries_max = 2'000'000;  // files and directories
    // How many of these may be repeated, by links that lead to the same directories: this many, or
    // sixteen times what is there without them.
    std::uint64_t repeated_max = 10'000;
    bool follow_links = false;   // also out of the root
    std::vector<MimeRule> mime;  // takes precedence over the built-in table
    // Prepares what a version of HTTP sends of an entry (http1/response.h, prepare_heads()), when
    // everything else about the entry is known.
    std::function<void(Entry&)> prepare = [](Entry&) {};
    // False: scan the tree every two seconds instead of watching for changes.
    bool watch = true;
    // How long a step walks the tree before it gives way to other work, and by which clock.
    Nanos slice = 50 * kMillisecond;
    std::function<Nanos()> work_clock = [] {
        return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch())
            .count();
    };
    // When asked to stop, a walk may end half-way; what is published then means nothing.
    std::stop_token stop;
    // One line for the log; the same trouble is reported once.
    std::function<void(std::string_view)> warn = [](std::string_view) {};
    // False: step() makes the digests itself, in its order; for tests that want no thread.
    bool background_thread = true;
    // The clock that stamps files; tests set it back and forth.
    std::function<std::int64_t()> wall_now_ns = [] { return fs::wall_now_ns(); };
};

// What the system reported of a file, which is why it is looked at.
enum class FileEvent : std::uint8_t {
    none,        // nothing
    attributes,  // its owner, permissions, times, links, and not its bytes
    content,     // anything else
};

class ContentLoader {
  public:
    explicit ContentLoader(const ContentOptions& options);

    enum class Outcome : std::uint8_t {
        loaded,     // the node has new content
        unchanged,  // its content is what it was
        unstable,   // being written, or its digest is being made; the node is as before
        failed,     // could not be read; the node is as before
    };
    struct Look {
        FileEvent event = FileEvent::none;
        bool overdue = false;  // waited long enough for a pause in writing
        Nanos now = 0;
    };
    // Takes the content of `opened`, which is a file, into the node.
    [[nodiscard]] Outcome load(FileNode& node, fs::Opened opened, const Look& look);
    // The same for an unloaded node that was requested: the file is held open if it is still the
    // same.
    [[nodiscard]] Outcome load_requested(FileNode& node, fs::Opened opened, const Look& look);
    // Gives a node without content the content of another node for the same file, which has not
    // changed. False: nothing can be shared.
    [[nodiscard]] bool take_over(FileNode& node, const FileNode& from);
    // Drops the node's descriptor (closed when the last entry that uses it is freed).
    void unload(FileNode& node);
    // To be called before a node is destroyed.
    void forget(const FileNode& node);

    // The file's metadata changed, and not its bytes.
    [[nodiscard]] static bool same_bytes(const FileNode& node, const fs::Info& seen,
                                         FileEvent event);
    // It changed so recently that it may change once more and look the same.
    [[nodiscard]] bool racy(const fs::Info& info) const;
    // A digest is worth making; for a file that keeps changing, once it was unchanged for kStable.
    [[nodiscard]] static bool wants_digest(const FileNode& node);
    static constexpr Nanos kStable = 2 * kSecond;
    // A digest was made of the file as `info` shows it. True: the node has new content by it.
    [[nodiscard]] bool take_digest(FileNode& node, const fs::Info& info, ContentDigest digest);
    // Whether a file that grew and is stable goes back to memory; and moves it there.
    [[nodiscard]] bool moves_to_memory(const FileNode& node) const;
    [[nodiscard]] Outcome move_to_memory(FileNode& node, fs::Opened opened, const Look& look);

    // The largest file that would be kept in memory.
    [[nodiscard]] std::uint64_t room() const;
    // Whether one more file may be held open, counting old versions that are still being sent.
    [[nodiscard]] bool may_open() const;
    // The node that has been open longest; null when none is open.
    [[nodiscard]] FileNode* oldest_open() const;
    // The process ran out of descriptors: from now on hold half as many files open.
    void shrink_open_files();
    [[nodiscard]] bool too_many_open() const { return open_nodes_.size() > open_files_max_; }

    // A new entry of the node's bytes, which are of `content_type` once `coding` is removed.
    [[nodiscard]] std::unique_ptr<OwnedEntry> make_entry(FileNode& node, std::string path,
                                                         Coding coding,
                                                         std::string_view content_type);
    // To be called once its variants are known: prepares the heads and the block.
    void finish_entry(OwnedEntry& entry, const FileNode& node);
    [[nodiscard]] std::unique_ptr<OwnedEntry> make_redirect(std::string path);

    [[nodiscard]] const ContentUsage& usage() const { return usage_; }
    // A sniffer for the node's bytes; its result is set as the node's type.
    [[nodiscard]] TypeSniffer sniffer(const FileNode& node) const {
        return types_.sniffer(node.name);
    }
    void set_type(FileNode& node, const TypeSniffer& sniffer);
    // What a node costs, with its row in its directory.
    [[nodiscard]] MetadataBytes cost_of(const FileNode& node) {
        return {node_bytes(sizeof node, node.name), usage_};
    }
    [[nodiscard]] MetadataBytes cost_of(const DirNode& node) {
        constexpr std::uint64_t kObject = 2 * sizeof(std::uint64_t) + 5 * sizeof(void*);
        return {node_bytes(sizeof node, node.name) + heap_bytes(kObject), usage_};
    }
    // What a table row with these two texts costs.
    [[nodiscard]] MetadataBytes cost_of_row(std::uint64_t size, const std::string& a,
                                            const std::string& b) {
        return {heap_bytes(size) + heap_bytes(a) + heap_bytes(b), usage_};
    }
    // The same with the entry that it is about to get: a large directory is read completely before
    // its entries are made.
    [[nodiscard]] MetadataBytes cost_with_entry(const FileNode& node);

  private:
    [[nodiscard]] static std::uint64_t node_bytes(std::uint64_t size, const std::string& name);
    void count(OwnedEntry& entry);

    struct Content {
        TypeSniffer type;  // is given the bytes that are read
        std::string validator;
        bool weak = false;
        SharedDigest digest;
        PendingBytes bytes;
        std::shared_ptr<const Storage> storage;
        bool unloaded = false;
        bool opened = false;  // `storage` holds the live file
    };
    [[nodiscard]] Status take(const FileNode& node, fs::Opened& opened, Content& out);
    [[nodiscard]] Status read_block(const fs::Opened& opened, Content& out);
    [[nodiscard]] Status copy_to_memory_file(const fs::Opened& opened, Content& out);
    void keep_open(fs::Opened& opened, const SharedDigest& digest, Content& out);
    void accept(FileNode& node, const fs::Info& info, Content content);
    [[nodiscard]] Outcome read(FileNode& node, fs::Opened opened, const Look& look);

    // follow.cpp
    [[nodiscard]] Outcome follow(FileNode& node, fs::Opened opened, const Look& look);
    [[nodiscard]] Outcome compare(FileNode& node, fs::Opened& opened, const Look& look);
    [[nodiscard]] Outcome grow(FileNode& node, fs::Opened opened, const Look& look);
    [[nodiscard]] bool begins_to_grow(FileNode& node, const fs::Info& seen, Nanos now) const;
    struct Growth {
        SharedDigest digest;  // null: not made
        bool at_the_end;      // the bytes before the growth are unchanged
    };
    [[nodiscard]] Growth digest_growth(const FileNode& node, const fs::Opened& opened);
    [[nodiscard]] SharedDigest digest_from_start(const fs::Opened& opened);
    [[nodiscard]] std::optional<ContentDigest> hash_growth(const fs::Opened& opened,
                                                           const ContentDigest& base,
                                                           std::uint64_t size_min);
    Outcome refresh(FileNode& node, const fs::Info& info);
    [[nodiscard]] SharedDigest share(ContentDigest digest);
    [[nodiscard]] bool block_fits(std::uint64_t size) const;
    [[nodiscard]] bool memory_file_fits(std::uint64_t size) const;
    void warn_once(bool& warned, std::string_view line) const;

    const ContentOptions& options_;
    std::uint64_t open_files_max_;
    ContentTypes types_;
    std::uint64_t next_content_id_ = 1;
    ContentUsage usage_;
    std::unique_ptr<MemoryFile> memory_;             // created when first needed
    std::map<std::uint64_t, FileNode*> open_nodes_;  // by content_id: oldest first
    std::unique_ptr<char[]> buffer_;
    bool memory_refused_ = false;
    bool warned_memory_ = false;
    bool warned_descriptors_ = false;
};

}  // namespace sluice::http
