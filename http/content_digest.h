// ContentDigest: hashes of a file's bytes, from one pass over them: one of the whole, which is its
// strong validator, and one of each block, so that each block can be verified alone.
//
// OWNERSHIP. A digest never changes once it is made; the versions of content that have these bytes
// share it. Pure, any thread. Nothing fails.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"

// xxhash's streaming state; its header stays out of ours.
using XXH3_state_t = struct XXH3_state_s;

namespace sluice::http {

struct ContentDigest {
    static constexpr std::uint64_t kBlockBytes = 128 * 1024;

    std::uint64_t size = 0;
    std::uint64_t whole = 0;            // XXH3_64 of all bytes; 0 when not known (a growing file)
    std::vector<std::uint64_t> blocks;  // XXH3_64 of each; the last one may be short

    [[nodiscard]] std::uint64_t block_bytes(std::uint64_t block) const;
    [[nodiscard]] bool has(std::uint64_t block, std::string_view bytes) const noexcept;
    [[nodiscard]] std::uint64_t memory_bytes() const {
        return sizeof *this + blocks.capacity() * sizeof(std::uint64_t);
    }
};

// What is known of the bytes that the entries of one live file promise. The digest comes later than
// the entries; it is set once, by the loader, and lives as long as this does.
struct LiveBytes {
    std::atomic<const ContentDigest*> digest{nullptr};
    bool remote = false;  // their file system may not answer
};

// Takes the bytes of a file in their order.
class DigestMaker {
  public:
    DigestMaker();
    // Goes on behind the whole blocks of `base`, whose hashes are taken over; the bytes behind them
    // are to be added again. The result has no hash of the whole.
    explicit DigestMaker(const ContentDigest& base);
    ~DigestMaker();
    DigestMaker(const DigestMaker&) = delete;
    DigestMaker& operator=(const DigestMaker&) = delete;

    void add(const char* bytes, std::size_t size);
    [[nodiscard]] ContentDigest finish();

  private:
    void end_block();

    XXH3_state_t* whole_ = nullptr;
    XXH3_state_t* block_;
    std::uint64_t in_block_ = 0;
    ContentDigest digest_;
};

// Sixteen hexadecimal digits, as they stand in validators.
[[nodiscard]] std::string hash_text(std::uint64_t hash);

}  // namespace sluice::http
