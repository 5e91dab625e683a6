#include "tests/conformance/backends.h"

#include <algorithm>
#include <memory>

#include "backends/registry.h"
#include "tests/conformance/sim_rig.h"

namespace sluice::conformance {

namespace {

std::vector<Configuration> make_configurations() {
    std::vector<Configuration> all;

    // The simulator in three moods. The faults are those that the contract allows to go unnoticed:
    // everything arrives, only never when and how one would like.
    SimOptions calm;
    all.push_back({"sim", [calm] { return make_sim_rig(calm); }});

    SimOptions choppy;
    choppy.seed = 2;
    choppy.segment_bytes_max = 3000;
    choppy.latency_max = kMillisecond;
    choppy.faults.short_recv = 0.3;
    choppy.faults.pause_recv = 0.1;
    choppy.faults.spurious_return = 0.1;
    all.push_back({"sim_choppy", [choppy] { return make_sim_rig(choppy); }});

    SimOptions narrow;
    narrow.seed = 3;
    narrow.window_bytes_min = 1000;
    narrow.window_bytes_max = 20'000;
    narrow.latency_min = 0;
    narrow.latency_max = 20 * kMicrosecond;
    all.push_back({"sim_narrow", [narrow] { return make_sim_rig(narrow); }});

    for (BackendVariant& variant : backend_variants()) {
        std::string name = variant.name;
        std::replace(name.begin(), name.end(), '/', '_');
        std::shared_ptr<BackendFactory> factory = std::move(variant.factory);
        all.push_back({name, [factory] { return make_socket_rig(factory); }});
    }

    return all;
}

}  // namespace

const std::vector<Configuration>& configurations() {
    static const std::vector<Configuration> all = make_configurations();
    return all;
}

}  // namespace sluice::conformance
