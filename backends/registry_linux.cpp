#include "backends/registry.h"

#include <cstring>

#include "backends/epoll/epoll_backend.h"
#include "backends/io_uring/capabilities.h"
#include "backends/io_uring/io_uring_backend.h"

namespace sluice {

namespace {

class EpollFactory final : public BackendFactory {
  public:
    explicit EpollFactory(bool allow_pwait2 = true) : allow_pwait2_(allow_pwait2) {}
    [[nodiscard]] std::string_view name() const noexcept override { return "epoll"; }
    [[nodiscard]] Result<std::unique_ptr<Backend>> create(
        const BackendLimits& limits) const override {
        return EpollBackend::create(limits, allow_pwait2_);
    }

  private:
    bool allow_pwait2_;
};

class UringFactory final : public BackendFactory {
  public:
    explicit UringFactory(const UringCapabilities& capabilities) : capabilities_(capabilities) {}
    [[nodiscard]] std::string_view name() const noexcept override { return "io_uring"; }
    [[nodiscard]] Result<std::unique_ptr<Backend>> create(
        const BackendLimits& limits) const override {
        return UringBackend::create(limits, capabilities_);
    }

  private:
    UringCapabilities capabilities_;
};

}  // namespace

std::vector<std::string> backend_names() {
    return {"auto", "io_uring", "epoll"};
}

std::vector<BackendReport> probe_backends() {
    std::vector<BackendReport> reports;
    BackendReport& uring = reports.emplace_back();
    uring.name = "io_uring";
    if (auto probe = probe_io_uring()) {
        uring.available = true;
        uring.detail = probe->found.to_string();
        uring.remarks = std::move(probe->remarks);
    } else {
        uring.detail = probe.error().what;
    }
    BackendReport& epoll = reports.emplace_back();
    epoll.name = "epoll";
    if (auto made = EpollBackend::create(BackendLimits{.slots = 1, .recv_buffers = 1})) {
        epoll.available = true;
        epoll.detail = "edge-triggered";
        if (const int error = EpollBackend::pwait2_refusal(); error != 0) {
            epoll.remarks.push_back(std::string("epoll_pwait2: ") + std::strerror(error) +
                                    "; deadlines are kept to the millisecond");
        }
    } else {
        epoll.detail = made.error().what;
    }
    return reports;
}

Result<ChosenBackend> choose_backend(std::string_view name) {
    if (name != "auto" && name != "io_uring" && name != "epoll") {
        return fail(Status::not_supported, "no backend is called '" + std::string(name) +
                                               "'; there are: auto, io_uring, epoll");
    }
    std::string why = name == "auto" ? "" : "as asked for";
    if (name != "epoll") {
        auto probe = probe_io_uring();
        if (probe) {
            return ChosenBackend{std::make_unique<UringFactory>(probe->found),
                                 name == "auto" ? "preferred and available" : why};
        }
        if (name == "io_uring") {
            return fail(probe.error().status,
                        "backend io_uring is not available: " + probe.error().what,
                        probe.error().os_code);
        }
        why = "because io_uring is not available: " + probe.error().what;
    }
    return ChosenBackend{std::make_unique<EpollFactory>(), why};
}

std::vector<BackendVariant> backend_variants() {
    std::vector<BackendVariant> variants;
    variants.push_back({"epoll", std::make_unique<EpollFactory>()});
    variants.push_back({"epoll/no_pwait2", std::make_unique<EpollFactory>(false)});
    const auto probe = probe_io_uring();
    if (!probe) {
        return variants;
    }
    const auto add = [&](const char* name, const UringCapabilities& allowed) {
        variants.push_back({name, std::make_unique<UringFactory>(probe->found.masked_by(allowed))});
    };
    add("io_uring", {});
    add("io_uring/no_defer_taskrun", {.defer_taskrun = false});
    add("io_uring/no_skip_success", {.skip_success = false});
    add("io_uring/no_multishot", {.multishot_recv = false, .multishot_accept = false});
    add("io_uring/no_buffer_ring", {.buffer_ring = false, .multishot_recv = false});
    add("io_uring/iowait", {.no_iowait = false});
    add("io_uring/minimal", {.defer_taskrun = false,
                             .skip_success = false,
                             .buffer_ring = false,
                             .multishot_recv = false,
                             .multishot_accept = false,
                             .no_iowait = false});
    return variants;
}

}  // namespace sluice
