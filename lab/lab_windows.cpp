// The lab needs a private network, which only Linux has.
#include "lab/kernel_view.h"
#include "lab/lab.h"

namespace sluice {

class Lab::Client {};

Lab::Lab(std::unique_ptr<Client> client) : client_(std::move(client)) {}
Lab::Lab(Lab&&) noexcept = default;
Lab::~Lab() = default;

Result<void> lab_possible() {
    return fail(Status::not_supported,
                "wire: --lab needs the network namespaces of Linux; name a capture FILE instead");
}

Result<Lab> Lab::start(const LabOptions&) {
    return std::unexpected(lab_possible().error());
}

std::string Lab::filter() const {
    return {};
}

Result<void> Lab::run(wire::Capture*, const std::function<void(const wire::Frame&)>&) {
    return lab_possible();
}

const std::vector<LabScenario>& Lab::scenarios() const {
    static const std::vector<LabScenario> none;
    return none;
}

const std::string& Lab::server_command() const {
    static const std::string none;
    return none;
}

Result<void> enter_private_network() {
    return lab_possible();
}

std::string read_saved_syn() {
    return {};
}

}  // namespace sluice
