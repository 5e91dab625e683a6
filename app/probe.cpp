#include "app/probe.h"

#include <fmt/format.h>

#include "app/exit.h"
#include "backends/registry.h"
#include "system/cpu.h"

namespace sluice {

int probe() {
    bool chosen = false;
    std::string text;
    for (const BackendReport& report : probe_backends()) {
        text +=
            fmt::format("{}: {}{}\n", report.name, report.available ? "available" : "not available",
                        report.available && !chosen ? " (auto takes this one)" : "");
        text += fmt::format("    {}\n", report.detail);
        for (const std::string& remark : report.remarks) {
            text += fmt::format("    refused: {}\n", remark);
        }
        chosen = chosen || report.available;
    }
    std::string cpus;
    for (const int cpu : usable_cpus()) {
        cpus += (cpus.empty() ? "" : " ") + std::to_string(cpu);
    }
    text += fmt::format("cpus: {} ({} worker{} by default)\n", cpus, default_workers(),
                        default_workers() == 1 ? "" : "s");
    text += fmt::format("open files: {} at most\n", raise_descriptor_limit());
    return print(text) && chosen ? kExitOk : kExitFailure;
}

}  // namespace sluice
