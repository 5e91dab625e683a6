// LiveBody: whether what is still to be sent from a live file is what was promised.
//
// HOW IT WORKS. As long as the file carries its stamp, its bytes are the promised ones and leave by
// sendfile. When the backend says that the stamp has moved, the facts of the open file decide:
//  - A file that is shorter than the promise breaks it.
//  - With a digest, what is left is read block by block, and only bytes whose block has the
//    promised hash leave. So links, names, permissions, times and growth cut nothing, and no
//    rewriting passes, whatever it does to the times.
//  - Without one (it is not made yet), a move of the ctime alone is no change of what was promised,
//    and anything else is one: what grew may have been written anew.
//
// OWNERSHIP. Lives inside a BodyStream; borrows the entry and the worker's block of memory.
//
// READS. A file that has moved is the one thing that a session reads: at most a few blocks between
// two sends, and only of bodies that would have been cut otherwise.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "core/bytes.h"
#include "http/entry.h"

namespace sluice::http {

// A block of memory for the bodies of a worker, and the hash and size of what it holds.
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

    // What the file looks like; not to be looked at when it is null.
    [[nodiscard]] const FileStamp* stamp() const noexcept {
        return entry_->live_file() ? &stamp_ : nullptr;
    }
    // The stamp has moved, or the file ends before the range does. False: the promise is broken.
    // `stuck`: nothing at all has left since the last time.
    [[nodiscard]] bool moved(bool stuck) noexcept;
    // From now on bytes leave through verified().
    [[nodiscard]] bool verifying() const noexcept { return digest_ != nullptr; }
    // The promised bytes from `offset` to the end of their block; none when the file does not hold
    // them any more. Valid until the next call by any body of the worker.
    [[nodiscard]] std::string_view verified(std::uint64_t offset) const noexcept;
    // Whether the file holds the promised bytes of that block now.
    [[nodiscard]] bool holds(std::uint64_t offset) const noexcept;

  private:
    const Entry* entry_;
    FileStamp stamp_;
    VerifiedBlock* block_;
    const ContentDigest* digest_ = nullptr;
};

}  // namespace sluice::http
