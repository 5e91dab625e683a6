// What the system tells of this very process.
#include "bench/load/system.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "backends/registry.h"
#include "tests/support/host.h"

namespace sluice::load {

namespace {

class Listener {
  public:
    explicit Listener(const char* at) {
        auto chosen = choose_backend("auto");
        EXPECT_TRUE(chosen);
        auto made = chosen->factory->create(BackendLimits{.slots = 4, .recv_buffers = 4});
        EXPECT_TRUE(made);
        backend_ = std::move(*made);
        const auto id = backend_->listen(*Endpoint::parse(at), ListenOptions{});
        EXPECT_TRUE(id);
        endpoint_ = *backend_->local(*id);
    }
    [[nodiscard]] Endpoint endpoint() const { return endpoint_; }

  private:
    std::unique_ptr<Backend> backend_;
    Endpoint endpoint_;
};

}  // namespace

// Wine does not tell which process owns a socket.
TEST(System, FindsTheProcessThatListensOrSaysWhyNot) {
    for (const char* at : {"127.0.0.1:0", "[::1]:0", "0.0.0.0:0"}) {
        const Listener listener(at);
        const ServerProcesses server = find_server(listener.endpoint());
        EXPECT_EQ(server.why.empty(), !server.pids.empty()) << server.why;
        for (const int pid : server.pids) {
            EXPECT_EQ(pid, test::process_id());
        }
    }
}

TEST(System, CpuTimeGrowsWithWork) {
    const auto before = cpu_of({test::process_id()});
    const ThreadClocks begin = thread_clocks();
    ASSERT_TRUE(before);
    volatile std::uint64_t sum = 0;
    while (thread_clocks().cpu < begin.cpu + 30 * kMillisecond) {
        for (int i = 0; i < 100'000; ++i) {
            sum = sum + 1;
        }
    }
    const auto after = cpu_of({test::process_id()});
    ASSERT_TRUE(after);
    EXPECT_GE(*after - *before, 20 * kMillisecond);
    EXPECT_FALSE(cpu_of({}).has_value());
}

TEST(System, TheReportNamesTheMachine) {
    EXPECT_GT(machine().cpus, 0U);
    EXPECT_NE(machine().kernel.find_first_of("0123456789"), std::string::npos) << machine().kernel;
}

}  // namespace sluice::load
