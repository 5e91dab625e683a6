// Handshake and request, server and client in one process, over loopback, on each backend that this
// machine has; the client speaks the same contract as the server. Reported as percentiles, because
// a mean of latencies says little. When there are two CPUs, each side has its own.
#include <benchmark/benchmark.h>
#include <sys/socket.h>

#include <memory>

#include "backends/posix/socket.h"
#include "backends/registry.h"
#include "bench/load/response_reader.h"
#include "bench/micro/loopback_bench.h"
#include "bench/micro/site.h"
#include "core/check.h"
#include "core/histogram.h"
#include "core/server.h"
#include "http1/session.h"
#include "system/cpu.h"

namespace sluice::micro {

namespace {

// The CPUs that the process was allowed when it began; benchmarks pin.
const std::vector<int>& cpus() {
    static const std::vector<int> all = usable_cpus();
    return all;
}

class Loopback {
  public:
    explicit Loopback(const std::string& name) {
        auto chosen = choose_backend(name);
        CHECK(chosen);
        backends_ = std::move(chosen->factory);
        site_.add("/", kPageBytes);
        view_.offer(&site_.publish());
        ServerOptions options;
        options.listen = {*Endpoint::parse("127.0.0.1:0")};
        options.pin = false;
        options.limits = limits_;
        auto server = Server::start(options, *backends_, [this](unsigned) {
            (void)pin_this_thread(cpus().front());
            return std::make_unique<http::Http1Factory>(limits_, view_, nullptr, 0);
        });
        CHECK(server);
        server_ = std::move(*server);
        (void)pin_this_thread(cpus().back());
        BackendLimits limits;
        limits.slots = 1;
        limits.recv_buffers = 16;
        auto client = backends_->create(limits);
        CHECK(client);
        client_ = std::move(*client);
    }

    // connect() to writable.
    Nanos connect() {
        reader_.reset();
        const Nanos began = posix::monotonic_now();
        client_->connect(token(OpKind::connect), server_->endpoints()[0]);
        wait_for(connected_);
        const Nanos took = posix::monotonic_now() - began;
        client_->recv_start(token(OpKind::recv));
        return took;
    }

    // Send to last byte.
    Nanos request() {
        const Slice slice{kBrowserRequest.data(), kBrowserRequest.size()};
        const Nanos began = posix::monotonic_now();
        client_->send(token(OpKind::send), {&slice, 1}, SendUrgency::quiet);
        wait_for(answered_);
        const Nanos took = posix::monotonic_now() - began;
        wait_for(sent_);
        return took;
    }

    // By reset, so that no address stays behind in TIME_WAIT.
    void close() {
        const linger at_once{1, 0};
        const int socket = static_cast<int>(client_->native(0));
        CHECK(::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
        client_->close(token(OpKind::close));
        wait_for(closed_);
        generation_ = (generation_ + 1) & kGenerationMask;
    }

  private:
    [[nodiscard]] Token token(OpKind kind) const { return {0, generation_, kind}; }

    void wait_for(bool& happened) {
        while (!happened) {
            for (const Completion& completion : client_->poll(kNever)) {
                take(completion);
            }
        }
        happened = false;
    }

    void take(const Completion& completion) {
        switch (completion.token.kind()) {
            case OpKind::connect:
                CHECK(completion.status == Status::ok);
                connected_ = true;
                break;
            case OpKind::send: sent_ = true; break;
            case OpKind::recv:
                if (completion.more) {
                    const auto fed = reader_.feed({completion.data, completion.size}, false);
                    answered_ = fed.outcome == load::ResponseReader::Outcome::answer;
                    CHECK(!answered_ || reader_.answer().status == 200);
                    client_->release(completion.buffer);
                }
                break;
            case OpKind::close: closed_ = true; break;
            default: CHECK(false);
        }
    }

    const Limits limits_;
    std::unique_ptr<BackendFactory> backends_;
    Site site_;
    http::ContentView view_;
    std::unique_ptr<Server> server_;
    std::unique_ptr<Backend> client_;
    load::ResponseReader reader_;
    Generation generation_ = 1;
    bool connected_ = false;
    bool sent_ = false;
    bool answered_ = false;
    bool closed_ = false;
};

void tell(benchmark::State& state, const Histogram& latencies) {
    const auto us = [&](double share) {
        return static_cast<double>(latencies.quantile(share)) / 1e3;
    };
    state.counters["p50_us"] = us(0.5);
    state.counters["p90_us"] = us(0.9);
    state.counters["p99_us"] = us(0.99);
    state.counters["p99.9_us"] = us(0.999);
    state.counters["max_us"] = static_cast<double>(latencies.max()) / 1e3;
}

void handshake(benchmark::State& state, const std::string& backend) {
    Loopback loopback(backend);
    Histogram latencies;
    for (auto _ : state) {
        const Nanos took = loopback.connect();
        latencies.record(took);
        state.SetIterationTime(static_cast<double>(took) / 1e9);
        loopback.close();
    }
    tell(state, latencies);
}

void request(benchmark::State& state, const std::string& backend) {
    Loopback loopback(backend);
    Histogram latencies;
    (void)loopback.connect();
    for (auto _ : state) {
        const Nanos took = loopback.request();
        latencies.record(took);
        state.SetIterationTime(static_cast<double>(took) / 1e9);
    }
    loopback.close();
    tell(state, latencies);
}

}  // namespace

void register_loopback() {
    for (const BackendReport& backend : probe_backends()) {
        if (backend.available) {
            const std::string& name = backend.name;
            benchmark::RegisterBenchmark(("loopback/handshake/" + name).c_str(), handshake, name)
                ->UseManualTime()
                ->Unit(benchmark::kMicrosecond);
            benchmark::RegisterBenchmark(("loopback/request/" + name).c_str(), request, name)
                ->UseManualTime()
                ->Unit(benchmark::kMicrosecond);
        }
    }
}

}  // namespace sluice::micro
