#include "bench/load/run.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

#include "bench/load/quantiles.h"
#include "bench/load/system.h"
#include "bench/load/worker.h"
#include "system/cpu.h"

namespace sluice::load {

namespace {

constexpr Nanos kCollectTimeout = 20 * kMillisecond;
constexpr Nanos kLead = 5 * kMillisecond;     // from "all are ready" to the start
constexpr unsigned kDescriptorsOwn = 64;      // what the process needs besides its connections
constexpr unsigned kDescriptorsOfThread = 8;  // of its backend, and of the files that it reads

std::int64_t wall_ms() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

// Adds up what the threads deliver, for the run and for each interval.
class Collector {
  public:
    Collector(const Plan& plan, Channel& channel, const OnSecond& on_second, Outcome& outcome)
        : plan_(plan), channel_(channel), on_second_(on_second), outcome_(outcome) {}
    // Waits until all threads have delivered their last.
    void run(Nanos start) {
        intervals_ = Intervals(start, plan_.warmup, plan_.duration);
        from_ = start;
        while (lasts_ < plan_.threads) {
            for (Delivery& delivery : channel_.collect(kCollectTimeout)) {
                take(std::move(delivery));
            }
            sample_server();
        }
        while (!open_.empty()) {
            close_first();
        }
        sample_server();
        if (cpu_begin_ && cpu_end_) {
            outcome_.server_cpu = *cpu_end_ - *cpu_begin_;
            outcome_.server_cpu_over = cpu_end_at_ - cpu_begin_at_;
        }
    }

  private:
    struct Sum {
        Tally tally;
        unsigned threads = 0;
    };

    void take(Delivery delivery) {
        Sum& sum = open_[delivery.interval];
        sum.tally.merge(*delivery.tally);
        ++sum.threads;
        lasts_ += delivery.last ? 1 : 0;
        channel_.give_back(std::move(delivery.tally));
        // Threads deliver in order, so the first interval is complete when all have delivered it.
        while (!open_.empty() && open_.begin()->second.threads == plan_.threads) {
            close_first();
        }
    }

    void close_first() {
        auto first = open_.extract(open_.begin());
        Tally& tally = first.mapped().tally;
        if (first.key() == 0) {  // the set-up
            outcome_.total.merge(tally);
            return;
        }
        Second second;
        second.from = from_ - intervals_.start();
        second.warmup = from_ < intervals_.measured();
        from_ = intervals_.next(from_);
        const Nanos now = monotonic_now();
        second.to = std::min(from_, std::max(now, intervals_.start())) - intervals_.start();
        summarise(tally, second);
        (second.warmup ? outcome_.warmup : outcome_.total).merge(tally);
        outcome_.series.push_back(second);
        if (on_second_) {
            on_second_(second, tally);
        }
    }

    static void summarise(const Tally& tally, Second& second) {
        const Histogram service = tally.service_all();
        second.answers = tally.answers();
        second.failed = tally.requests_failed();
        second.not_2xx_3xx = tally.answers() - tally.class_count(2) - tally.class_count(3);
        second.received_bytes = tally.received_bytes;
        second.response_p50 = known_quantile(tally.response, 0.5);
        second.response_p99 = known_quantile(tally.response, 0.99);
        second.response_max = tally.response.max();
        second.service_p50 = known_quantile(service, 0.5);
        second.service_p99 = known_quantile(service, 0.99);
    }

    // The server's CPU time at the two ends of the measured time, as close to them as possible.
    void sample_server() {
        const Nanos now = monotonic_now();
        if (outcome_.server.pids.empty() || now < intervals_.measured()) {
            return;
        }
        if (!cpu_begin_) {
            cpu_begin_ = cpu_of(outcome_.server.pids);
            cpu_begin_at_ = monotonic_now();
        }
        if (now < intervals_.end() && lasts_ < plan_.threads) {
            return;
        }
        if (!cpu_end_) {
            cpu_end_ = cpu_of(outcome_.server.pids);
            cpu_end_at_ = monotonic_now();
        }
    }

    const Plan& plan_;
    Channel& channel_;
    const OnSecond& on_second_;
    Outcome& outcome_;
    Intervals intervals_{0, 0, 0};
    std::map<std::uint32_t, Sum> open_;
    unsigned lasts_ = 0;
    Nanos from_ = 0;
    std::optional<Nanos> cpu_begin_;
    std::optional<Nanos> cpu_end_;
    Nanos cpu_begin_at_ = 0;
    Nanos cpu_end_at_ = 0;
};

Result<void> check_descriptors(const Plan& plan) {
    const unsigned long limit = raise_descriptor_limit();
    const unsigned long needed =
        plan.connections + plan.threads * kDescriptorsOfThread + kDescriptorsOwn;
    if (needed > limit) {
        return fail(Status::no_fds,
                    "the limit of open files is " + std::to_string(limit) +
                        ", and this run needs " + std::to_string(needed) +
                        ": raise it (ulimit -n) or take fewer connections (-c) or threads (-t)");
    }
    return {};
}

ServerProcesses find_servers(const std::vector<Endpoint>& servers) {
    ServerProcesses all = find_server(servers[0]);
    for (std::size_t i = 1; i < servers.size(); ++i) {
        for (const int pid : find_server(servers[i]).pids) {
            if (std::ranges::find(all.pids, pid) == all.pids.end()) {
                all.pids.push_back(pid);
            }
        }
    }
    return all;
}

NetCounters difference(const NetCounters& after, const NetCounters& before) {
    return {after.listen_overflows - before.listen_overflows,
            after.listen_drops - before.listen_drops, after.retransmits - before.retransmits,
            after.syn_retransmits - before.syn_retransmits};
}

void set_window(const Plan& plan, Nanos start, Outcome& outcome) {
    Nanos ended = 0;
    for (const ThreadReport& thread : outcome.threads) {
        ended = std::max(ended, thread.ended_at);
        outcome.offered += thread.planned;
    }
    const Nanos measured = start + plan.warmup;
    outcome.window = std::max<Nanos>(ended - measured, 0);
    if (ended > start && ended <= measured) {
        outcome.only_warmup = true;
        outcome.total.merge(outcome.warmup);
        outcome.window = ended - start;
    }
}

}  // namespace

Result<Outcome> run(const Plan& plan, const OnSecond& on_second) {
    if (auto enough = check_descriptors(plan); !enough) {
        return std::unexpected(enough.error());
    }
    Outcome outcome;
    outcome.server = find_servers(plan.servers);
    outcome.ports = ports();
    const auto counters_before = net_counters();
    const auto stolen_before = stolen_time();
    const Nanos began = monotonic_now();

    if (plan.tap != nullptr) {
        plan.tap->start();
    }
    Channel channel;
    outcome.threads.resize(plan.threads);
    std::vector<std::thread> threads;
    threads.reserve(plan.threads);
    for (unsigned i = 0; i < plan.threads; ++i) {
        threads.emplace_back([&, i] {
            Worker worker(plan, channel, i);
            worker.run();
            outcome.threads[i] = worker.report();
        });
    }
    while (channel.ready.load() < plan.threads) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    const Nanos start = monotonic_now() + kLead;
    outcome.started_wall_ms = wall_ms() + kLead / kMillisecond;
    channel.start_at.store(start);
    Collector(plan, channel, on_second, outcome).run(start);
    for (std::thread& thread : threads) {
        thread.join();
    }

    if (plan.tap != nullptr) {
        std::vector<const WireStamps*> stamps;
        stamps.reserve(outcome.threads.size());
        for (const ThreadReport& thread : outcome.threads) {
            stamps.push_back(&thread.wire);
        }
        outcome.wire = check_wire(stamps, plan.tap->stop());
    }
    if (const auto after = net_counters(); after && counters_before) {
        outcome.network = difference(*after, *counters_before);
    }
    if (const auto stolen = stolen_time(); stolen && stolen_before) {
        const Nanos all = (monotonic_now() - began) * std::thread::hardware_concurrency();
        outcome.stolen_share = static_cast<double>(*stolen - *stolen_before) /
                               static_cast<double>(std::max<Nanos>(1, all));
    }
    for (const ThreadReport& thread : outcome.threads) {
        if (!thread.failure.empty()) {
            outcome.gave_up = thread.failure;
        }
    }
    outcome.stopped = plan.stop != nullptr && plan.stop->load();
    set_window(plan, start, outcome);
    return outcome;
}

}  // namespace sluice::load
