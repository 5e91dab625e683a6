// LiveBody: whether what is still to be sent from a live file is what was promised.
//
// HOW IT WORKS. As long as the file carries its stamp, its bytes are the promised ones and leave by
// sendfile. When the backend says that the stamp has moved, the facts of the open file decide:
//  - A file that is shorter than the promise breaks it.
//  - With a digest, what is left is read block by block, and only bytes whose block has the
//    promised hash leave. So changes of links, names, permissions and times, and growth, cut no
//    body short, and no rewrite goes unnoticed, whatever it does to the times.
//  - Without a digest (it is not made yet), a move of the ctime alone breaks nothing, and any other
//    change breaks the promise: a file that grew may have been rewritten.
//
// OWNERSHIP. Lives inside a BodyStream; borrows the entry and the worker's block of memory.
//
// READS. A session reads no file except one whose stamp has moved: at most a few blocks between two
// sends, and only for bodies that would be cut short otherwise.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "core/bytes.h"
#include "http/entry.h"

namespace sluice::http {

// A block of memory that a worker's bodies share, and the hash and size of what it holds.
struct VerifiedBlock {
    std::unique_ptr<char[]> bytes =
        std::make_unique_for_overwrite<char[]>(ContentDigest::kBlockBytes);
    std::uint64_t hash = 0;
    std::uint64_t size = 0;  // 0: holds nothing
};

class LiveBody {
  public:
    LiveBody(const Entry& entry, VerifiedBlock& block) noexcept
        : entry_(&entry), stamp_(entry.stamp), block_(&block) {}

    // What the file must look like. Null: the entry is not a live file, so nothing is checked.
    [[nodiscard]] const FileStamp* stamp() const noexcept {
        return entry_->live_file() ? &stamp_ : nullptr;
    }
    // Called when the stamp has moved, or when the file ends before the range does. False: the
    // promise is broken. `stuck`: nothing at all has left since the last call.
    [[nodiscard]] bool moved(bool stuck) noexcept;
    // Whether bytes leave through verified() from now on.
    [[nodiscard]] bool verifying() const noexcept { return digest_ != nullptr; }
    // The promised bytes from `offset` to the end of their block; none when the file does not hold
    // them any more. Valid until the next call by any body of the worker.
    [[nodiscard]] std::string_view verified(std::uint64_t offset) const noexcept;
    // Whether the file now holds the promised bytes of the block that has `offset`.
    [[nodiscard]] bool holds(std::uint64_t offset) const noexcept;

  private:
    const Entry* entry_;
    FileStamp stamp_;
    VerifiedBlock* block_;
    const ContentDigest* digest_ = nullptr;
};

}  // namespace sluice::http
