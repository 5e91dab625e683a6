#include "backends/iocp/iocp_backend.h"
#include "backends/registry.h"

namespace sluice {

std::vector<std::string> backend_names() {
    return {"auto", "iocp"};
}

std::vector<BackendReport> probe_backends() {
    BackendReport report;
    report.name = "iocp";
    if (auto made = IocpBackend::create({.slots = 1, .recv_buffers = 1}, {})) {
        report.available = true;
        report.detail = "completion ports, skip-on-success, TransmitFile";
    } else {
        report.detail = made.error().what;
    }
    return {report};
}

Result<ChosenBackend> choose_backend(std::string_view name) {
    if (name != "auto" && name != "iocp") {
        return fail(Status::not_supported,
                    "no backend is called '" + std::string(name) + "'; there are: auto, iocp");
    }
    return ChosenBackend{std::make_unique<IocpFactory>(),
                         name == "auto" ? "the only one on Windows" : "as asked for"};
}

std::vector<BackendVariant> backend_variants() {
    std::vector<BackendVariant> variants;
    variants.push_back({"iocp", std::make_unique<IocpFactory>()});
    variants.push_back({"iocp/no_skip_on_success",
                        std::make_unique<IocpFactory>(IocpCapabilities{.skip_on_success = false})});
    variants.push_back({"iocp/no_transmit_file",
                        std::make_unique<IocpFactory>(IocpCapabilities{.transmit_file = false})});
    return variants;
}

}  // namespace sluice
