// The registry: which backends this build has, which of them this machine can run, and why not the
// others. Asked once per process, before threads start.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/backend.h"

namespace sluice {

// What choose_backend() takes, "auto" first.
[[nodiscard]] std::vector<std::string> backend_names();

struct BackendReport {
    std::string name;
    bool available = false;
    std::string detail;                // capabilities, or the reason for the refusal
    std::vector<std::string> remarks;  // what was refused, one line each
};

// Every backend, the preferred one first.
[[nodiscard]] std::vector<BackendReport> probe_backends();

struct ChosenBackend {
    std::unique_ptr<BackendFactory> factory;
    std::string why;  // "io_uring: preferred and available", "epoll: io_uring_setup: ... "
};

// "auto" takes the first that works and says why; a name is strict and fails with the reason.
[[nodiscard]] Result<ChosenBackend> choose_backend(std::string_view name);

// For tests: each backend that works here, with each mask of its capabilities ("epoll/no_pwait2",
// "io_uring/no_multishot" ...), so that a new kernel exercises the paths of an old one.
struct BackendVariant {
    std::string name;
    std::unique_ptr<BackendFactory> factory;
};
[[nodiscard]] std::vector<BackendVariant> backend_variants();

}  // namespace sluice
