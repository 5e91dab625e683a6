#include "http/content_digest.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "core/check.h"

namespace sluice::http {

namespace {

XXH3_state_t* new_state() {
    XXH3_state_t* state = XXH3_createState();
    CHECK(state != nullptr);
    XXH3_64bits_reset(state);
    return state;
}

}  // namespace

std::uint64_t ContentDigest::block_bytes(std::uint64_t block) const {
    return std::min(kBlockBytes, size - block * kBlockBytes);
}

bool ContentDigest::has(std::uint64_t block, std::string_view bytes) const noexcept {
    return block < blocks.size() && bytes.size() == block_bytes(block) &&
           XXH3_64bits(bytes.data(), bytes.size()) == blocks[block];
}

DigestMaker::DigestMaker() : whole_(new_state()), block_(new_state()) {}

DigestMaker::DigestMaker(const ContentDigest& base) : block_(new_state()) {
    const std::uint64_t whole_blocks = base.size / ContentDigest::kBlockBytes;
    digest_.blocks.assign(base.blocks.begin(),
                          base.blocks.begin() + static_cast<std::ptrdiff_t>(whole_blocks));
    digest_.size = whole_blocks * ContentDigest::kBlockBytes;
}

DigestMaker::~DigestMaker() {
    XXH3_freeState(whole_);
    XXH3_freeState(block_);
}

void DigestMaker::add(const char* bytes, std::size_t size) {
    if (whole_ != nullptr) {
        XXH3_64bits_update(whole_, bytes, size);
    }
    digest_.size += size;
    while (size != 0) {
        const std::size_t part =
            std::min<std::uint64_t>(size, ContentDigest::kBlockBytes - in_block_);
        XXH3_64bits_update(block_, bytes, part);
        bytes += part;
        size -= part;
        in_block_ += part;
        if (in_block_ == ContentDigest::kBlockBytes) {
            end_block();
        }
    }
}

void DigestMaker::end_block() {
    digest_.blocks.push_back(XXH3_64bits_digest(block_));
    XXH3_64bits_reset(block_);
    in_block_ = 0;
}

ContentDigest DigestMaker::finish() {
    if (in_block_ != 0) {
        end_block();
    }
    if (whole_ != nullptr) {
        digest_.whole = XXH3_64bits_digest(whole_);
    }
    digest_.blocks.shrink_to_fit();
    return std::move(digest_);
}

std::string hash_text(std::uint64_t hash) {
    std::string text(16, '0');
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), hash, 16).ptr;
    std::copy_backward(digits.data(), end, text.data() + text.size());
    return text;
}

}  // namespace sluice::http
