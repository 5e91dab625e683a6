#include "tests/conformance/backends.h"

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

    // HOOK: the real backends, each variant in a socket rig, go here (backends/registry.h).

    return all;
}

}  // namespace

const std::vector<Configuration>& configurations() {
    static const std::vector<Configuration> all = make_configurations();
    return all;
}

}  // namespace sluice::conformance
