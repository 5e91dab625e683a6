#include "app/probe.h"

#include <fmt/format.h>

#include "app/exit.h"
#include "backends/registry.h"
#include "core/cpu.h"

namespace sluice {

int probe() {
    bool chosen = false;
    for (const BackendReport& report : probe_backends()) {
        fmt::print("{}: {}{}\n", report.name, report.available ? "available" : "not available",
                   report.available && !chosen ? " (auto takes this one)" : "");
        fmt::print("    {}\n", report.detail);
        for (const std::string& remark : report.remarks) {
            fmt::print("    refused: {}\n", remark);
        }
        chosen = chosen || report.available;
    }
    std::string cpus;
    for (const int cpu : usable_cpus()) {
        cpus += (cpus.empty() ? "" : " ") + std::to_string(cpu);
    }
    fmt::print("cpus: {} ({} worker{} by default)\n", cpus, default_workers(),
               default_workers() == 1 ? "" : "s");
    fmt::print("open files: {} at most\n", raise_descriptor_limit());
    return chosen ? kExitOk : kExitFailure;
}

}  // namespace sluice
