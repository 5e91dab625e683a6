// BodyHash: XXH3 of a body that arrives in parts; for --verify. One for each connection, no
// allocation after construction.
#pragma once

#include <cstdint>
#include <memory>

#include "bench/load/response_reader.h"

// From xxhash.h, which would bring its whole implementation into every file.
struct XXH3_state_s;

namespace sluice::load {

class BodyHash final : public BodySink {
  public:
    BodyHash();
    ~BodyHash() override;
    void begin() noexcept;
    void body(std::string_view bytes) noexcept override;
    // The hash of what came since begin(); then begins anew.
    [[nodiscard]] std::uint64_t take() noexcept;

  private:
    struct Free {
        void operator()(XXH3_state_s* state) const;
    };
    std::unique_ptr<XXH3_state_s, Free> state_;
};

}  // namespace sluice::load
