// What this kernel's io_uring can do for us, found by trying each thing once, never by the kernel's
// version. A capability that is masked off makes the backend take the path of an older kernel;
// the conformance suite runs over every mask.
#pragma once

#include <liburing.h>

#include <string>
#include <vector>

#include "core/result.h"

namespace sluice {

struct UringCapabilities {
    bool defer_taskrun = true;     // SINGLE_ISSUER + DEFER_TASKRUN: completions run when we ask
    bool skip_success = true;      // no record for sends and closes that succeed at once
    bool buffer_ring = true;       // receive memory is picked by the kernel when data arrives
    bool multishot_recv = true;    // one recv serves a connection's life; needs buffer_ring
    bool multishot_accept = true;  // one accept serves a listener's life
    bool no_iowait = true;         // a thread that waits does not count as waiting for a disk

    [[nodiscard]] UringCapabilities masked_by(const UringCapabilities& allowed) const;
    // "defer_taskrun skip_success -multishot_recv ...": what is there, and '-' before what is not.
    [[nodiscard]] std::string to_string() const;
    friend bool operator==(const UringCapabilities&, const UringCapabilities&) = default;
};

struct UringProbe {
    UringCapabilities found;
    std::vector<std::string> remarks;  // one line for each thing refused, with the kernel's answer
};

// From the headers of newer kernels: io_uring_setup(2), io_uring_enter(2), since Linux 6.15.
inline constexpr unsigned kFeatureNoIowait = 1U << 17;  // IORING_FEAT_NO_IOWAIT
inline constexpr unsigned kEnterNoIowait = 1U << 7;     // IORING_ENTER_NO_IOWAIT

// Sets a small ring up and tries everything. Fails when io_uring cannot be had at all; the error
// says which of the usual reasons it is (seccomp, sysctl, no memory, not built in).
[[nodiscard]] Result<UringProbe> probe_io_uring();

// Sets a ring up with the flags that `capabilities` allows, dropping flags stepwise when the kernel
// refuses them. Clears capabilities.defer_taskrun if it had to do without.
[[nodiscard]] Result<void> make_ring(io_uring& ring, unsigned entries, unsigned completions,
                                     UringCapabilities& capabilities);

}  // namespace sluice
