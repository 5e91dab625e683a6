#include <fmt/format.h>

#include <algorithm>

#include "bench/compare/generator.h"
#include "bench/load/quantiles.h"
#include "bench/load/request.h"
#include "bench/load/run.h"
#include "bench/load/validity.h"

namespace sluice::compare {

namespace {

constexpr Nanos kWarmupMin = 50 * kMillisecond;
constexpr Nanos kWarmupMax = kSecond;
constexpr Nanos kConnectTimeout = 30 * kSecond;  // for all of 10,000, one after the other

}  // namespace

Result<load::Plan> plan_of(const Load& work) {
    load::Plan plan;
    load::Url url;
    url.host = "127.0.0.1";
    url.port = work.port;
    url.authority = fmt::format("127.0.0.1:{}", work.port);
    for (const std::string& path : work.paths) {
        url.target = path;
        auto request = load::make_request(url, "GET", work.fields);
        if (!request) {
            return std::unexpected(request.error());
        }
        request->url = path;
        plan.requests.push_back(std::move(*request));
    }
    auto server = load::resolve(url);
    if (!server) {
        return std::unexpected(server.error());
    }
    plan.servers = *server;
    plan.connections = work.connections;
    plan.pipeline = work.pipeline;
    plan.churn = work.churn ? 1 : 0;
    plan.duration = work.duration;
    plan.warmup = std::clamp(work.duration / 10, kWarmupMin, kWarmupMax);
    plan.connect_timeout = kConnectTimeout;
    if (work.connections > kFewConnections) {
        // One request on each of them takes a good part of a second, and the first is different
        // work.
        plan.warmup = std::max(plan.warmup, work.duration);
        plan.duration = 2 * work.duration;
    }
    return plan;
}

namespace {

// Why the answers are not the expected ones; empty: they are.
std::string wrong_answers(const Load& work, const load::Outcome& outcome) {
    const load::Tally& total = outcome.total;
    for (std::size_t i = 0; i < load::kFailures; ++i) {
        if (total.failures[i] > 0) {
            return fmt::format("{} x {}", total.failures[i],
                               to_string(static_cast<load::Failure>(i)));
        }
    }
    if (!outcome.gave_up.empty()) {
        return outcome.gave_up;
    }
    for (std::size_t code = 0; code < total.status.size(); ++code) {
        if (total.status[code] > 0 && code != work.status) {
            return fmt::format("{} of {} answers have status {}, not {}", total.status[code],
                               total.answers(), code, work.status);
        }
    }
    if (total.answers() == 0) {
        return "no answer";
    }
    if (work.body_bytes && total.body_bytes != *work.body_bytes * total.answers()) {
        return fmt::format(
            "bodies of {:.1f} bytes on average, not {}",
            static_cast<double>(total.body_bytes) / static_cast<double>(total.answers()),
            *work.body_bytes);
    }
    return "";
}

// CPU time for each answer of the whole run, with its handshakes and its warm-up: that is exact,
// because no request is cut in two. Setting up thousands of connections is different work; there
// only the measured time counts.
Result<double> cost_of(const Load& work, const load::Outcome& outcome, Nanos cpu, double rate) {
    if (work.connections <= kFewConnections) {
        return static_cast<double>(cpu) /
               static_cast<double>(outcome.total.answers() + outcome.warmup.answers());
    }
    if (rate <= 0) {
        return fail(Status::io_error, "no answer within the measured time: give more --duration");
    }
    if (!outcome.server_cpu || outcome.server_cpu_over <= 0) {
        return fail(Status::io_error, "its CPU time is not known: " + outcome.server.why);
    }
    return static_cast<double>(*outcome.server_cpu) / static_cast<double>(outcome.server_cpu_over) /
           rate * 1e9;
}

std::string flaw_of(const load::Plan& plan, const load::Outcome& outcome) {
    for (const load::Finding& finding : load::judge(plan, outcome).findings) {
        // A pause of ours moves the high quantiles of one block, but no median of many blocks.
        if (finding.level == load::Level::invalid && finding.name != "pauses") {
            // What was measured, without the advice that follows it.
            return finding.name + ": " + finding.text.substr(0, finding.text.find(": "));
        }
    }
    return "";
}

}  // namespace

Result<Measured> measured_of(const Load& work, const load::Plan& plan, load::Outcome& outcome,
                             Nanos cpu) {
    if (const std::string wrong = wrong_answers(work, outcome); !wrong.empty()) {
        return fail(Status::io_error, wrong);
    }
    if (outcome.window <= 0) {
        return fail(Status::io_error, "no time was measured");
    }
    load::Tally& total = outcome.total;
    Measured measured;
    measured.answers = total.answers();
    measured.rate = static_cast<double>(total.answers() - total.answers_after_end) /
                    static_cast<double>(outcome.window) * 1e9;
    auto cost = cost_of(work, outcome, cpu, measured.rate);
    if (!cost) {
        return std::unexpected(cost.error());
    }
    measured.cpu_ns = *cost;
    measured.p50 = load::known_quantile(total.response, 0.5).value_or(0);
    measured.p99 = load::known_quantile(total.response, 0.99).value_or(0);
    measured.p999 = load::known_quantile(total.response, 0.999).value_or(0);
    measured.flaw = flaw_of(plan, outcome);
    measured.response = std::move(total.response);
    measured.connect = std::move(total.connect);
    measured.connect->merge(total.connect_retransmitted);
    return measured;
}

namespace {

class OwnGenerator final : public Generator {
  public:
    OwnGenerator(const BackendFactory& backends, const std::atomic<bool>* stop)
        : backends_(backends), stop_(stop) {}

    Result<Measured> run(const Load& work, const Process& server) override {
        auto plan = plan_of(work);
        if (!plan) {
            return std::unexpected(plan.error());
        }
        plan->backends = &backends_;
        plan->stop = stop_;
        const Nanos cpu_before = server.cpu();
        auto outcome = load::run(*plan);
        const Nanos cpu = server.cpu() - cpu_before;
        if (!outcome) {
            return std::unexpected(outcome.error());
        }
        return measured_of(work, *plan, *outcome, cpu);
    }

    std::string unable(const Load& /*load*/) const override { return ""; }

  private:
    const BackendFactory& backends_;
    const std::atomic<bool>* stop_;
};

}  // namespace

std::unique_ptr<Generator> own_generator(const BackendFactory& backends,
                                         const std::atomic<bool>* stop) {
    return std::make_unique<OwnGenerator>(backends, stop);
}

}  // namespace sluice::compare
