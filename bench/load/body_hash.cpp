#include "bench/load/body_hash.h"

#include <xxhash.h>

#include "core/check.h"

namespace sluice::load {

BodyHash::BodyHash() : state_(::XXH3_createState()) {
    CHECK(state_ != nullptr);
    begin();
}

BodyHash::~BodyHash() = default;

void BodyHash::Free::operator()(XXH3_state_s* state) const {
    ::XXH3_freeState(state);
}

void BodyHash::begin() noexcept {
    ::XXH3_64bits_reset(state_.get());
}

void BodyHash::body(std::string_view bytes) noexcept {
    ::XXH3_64bits_update(state_.get(), bytes.data(), bytes.size());
}

std::uint64_t BodyHash::take() noexcept {
    const std::uint64_t hash = ::XXH3_64bits_digest(state_.get());
    begin();
    return hash;
}

}  // namespace sluice::load
