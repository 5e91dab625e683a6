#include "app/serve.h"

#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <utility>

#include "app/exit.h"
#include "backends/registry.h"
#include "core/units.h"
#include "serve/service.h"
#include "system/cpu.h"
#include "system/memory.h"

namespace sluice {

namespace {

constexpr std::string_view kServe = "sluice";

// The budget is used as given, but a warning says when it is too large.
void warn_of_budget(std::uint64_t budget_bytes) {
    const UsableMemory memory = usable_memory();
    if (budget_bytes > memory.bytes) {
        say(
            fmt::format("--memory-budget {} is more than {} has for this process ({} bytes): the "
                        "system may end it (take less than half)",
                        size_text(budget_bytes), memory.of, memory.bytes));
    }
}

}  // namespace

int serve(const ServeConfig& config) {
    raise_descriptor_limit();
    warn_of_budget(config.memory_budget_bytes);
    auto signals = Signals::create();
    if (!signals) {
        return failed(kServe, signals.error());
    }
    auto events = Events::create();
    if (!events) {
        return failed(kServe, events.error());
    }
    auto backend = choose_backend(config.backend);
    if (!backend) {
        return failed(kServe, backend.error());
    }
    Service service(config, std::move(*backend), std::move(*signals), std::move(*events),
                    [](std::string_view line) { say(line); });
    const Service::Outcome outcome = service.run();
    const int code = outcome.started ? kExitOk : kExitFailure;
    if (outcome.end == Service::End::thread_left) {
        say("stopping: a thread does not end, as when a disk does not answer; ending without it");
        std::_Exit(code);
    }
    return code;
}

}  // namespace sluice
