// ContentLoader: takes the bytes of one file and finds a home for them.
//
// HOMES, in this order: small files in memory, where the entry keeps them behind its head; larger
// ones in one private file in memory, from which they can be sent without a copy and yet cannot
// change; what exceeds the budget stays in its own file, held open; and beyond the number of
// descriptors the file is cold, to be opened when it is asked for.
//
// CONSISTENCY. A file is looked at before and after it is read; when the two differ, what was read
// is thrown away. A file that changed within the clock tick in which it was read looks the same
// both times: it is marked racy, and its owner reads it again a little later.
//
// Loader's thread. Fails by value only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "http/content_tree.h"
#include "http/fs.h"
#include "http/memory_file.h"

namespace sluice::http {

struct ContentOptions {
    std::string root;
    std::uint64_t memory_budget_bytes = 256ULL * 1024 * 1024;
    // Bodies up to this size leave together with their head from one block.
    std::uint32_t block_bytes_max = 16 * 1024;
    // Files held open beyond the budget; 0: a quarter of what the process may open. While old
    // versions are still being sent, the number may reach twice this.
    std::uint64_t open_files_max = 0;
    std::uint64_t entries_max = 2'000'000;
    // False: look through the tree every two seconds instead of being told of changes.
    bool watch = true;
    // One line for the log; the same trouble is told once.
    std::function<void(std::string_view)> warn = [](std::string_view) {};
};

class ContentLoader {
  public:
    explicit ContentLoader(const ContentOptions& options);

    enum class Outcome : std::uint8_t {
        loaded,     // the node has new content
        unchanged,  // its content is what it was
        unstable,   // the file is being written; the node is as before
        failed,     // could not be read; the node is as before
    };
    // Takes the content of `opened`, which is a file, into the node.
    [[nodiscard]] Outcome load(FileNode& node, fs::Opened opened);
    // The same for a cold node that was asked for: the file is held open if it is still the same.
    [[nodiscard]] Outcome warm(FileNode& node, fs::Opened opened, Nanos now);
    // Gives up the node's descriptor (closed when the last entry that uses it goes).
    void make_cold(FileNode& node);
    // Before a node is destroyed.
    void forget(const FileNode& node);

    // Whether one more file may be held open, counting those of old versions still being sent.
    [[nodiscard]] bool may_open() const;
    // The node that has been open for longest; null when none is.
    [[nodiscard]] FileNode* oldest_open() const;
    // The process is out of descriptors: from now on hold half as many files open.
    void shrink_open_files();
    [[nodiscard]] bool too_many_open() const { return open_nodes_.size() > open_files_max_; }

    // A new entry of the node's bytes.
    [[nodiscard]] std::unique_ptr<OwnedEntry> make_entry(FileNode& node, std::string path,
                                                         Coding coding,
                                                         std::string_view content_type);
    // To be called once its variants are known: prepares heads and the block.
    void finish_entry(OwnedEntry& entry, const FileNode& node);
    [[nodiscard]] std::unique_ptr<OwnedEntry> make_redirect(std::string path);

    [[nodiscard]] const ContentUsage& usage() const { return usage_; }

  private:
    struct Content {
        std::string validator;
        PendingBytes bytes;
        std::shared_ptr<const Home> home;
        bool cold = false;
        bool opened = false;  // `home` holds the live file
    };
    [[nodiscard]] Status take(fs::Opened& opened, Content& out);
    [[nodiscard]] Status read_block(const fs::Opened& opened, Content& out);
    [[nodiscard]] Status copy_to_memory_file(const fs::Opened& opened, Content& out);
    void keep_open(fs::Opened& opened, Content& out);
    void accept(FileNode& node, const fs::Info& info, Content content);
    [[nodiscard]] bool block_fits(std::uint64_t size) const;
    [[nodiscard]] bool memory_file_fits(std::uint64_t size) const;
    void warn_once(bool& told, std::string_view line) const;

    const ContentOptions& options_;
    std::uint64_t open_files_max_;
    std::uint64_t next_content_id_ = 1;
    ContentUsage usage_;
    std::unique_ptr<MemoryFile> memory_;             // made at the first need
    std::map<std::uint64_t, FileNode*> open_nodes_;  // by content_id: oldest first
    std::unique_ptr<char[]> buffer_;
    bool memory_refused_ = false;
    bool told_memory_ = false;
    bool told_descriptors_ = false;
};

}  // namespace sluice::http
