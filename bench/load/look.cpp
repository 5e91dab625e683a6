#include <algorithm>

#include "bench/load/run.h"

namespace sluice::load {

namespace {

// The outcome of one request.
struct Seen {
    std::optional<Expected> answer;
    std::string fault;  // why there was none; empty with neither: the time was over
};

// One request as in the run, on a connection of its own, within `left`.
Plan plan_of_look(const Plan& plan, const Endpoint& server, const Request& request, Nanos left) {
    Plan one = plan;
    one.servers = {server};
    one.requests = {request};
    one.threads = one.connections = one.pipeline = 1;
    one.churn = 1;
    one.warmup = 0;
    one.requests_max = 1;
    one.connect_timeout = std::min(plan.connect_timeout, left);
    one.timeout = std::min(plan.timeout, left);
    one.duration = one.connect_timeout + one.timeout + kSecond;
    one.rate.clear();
    one.replay.clear();
    one.pin = false;
    one.tap = nullptr;
    return one;
}

std::string fault_of(const Outcome& outcome) {
    const Tally& tally = outcome.total;
    for (std::size_t i = kFailures; i-- > 0;) {
        if (tally.failures[i] == 0) {
            continue;
        }
        const auto why = static_cast<Failure>(i);
        const bool maybe_tls =
            why == Failure::not_http || why == Failure::reset || why == Failure::closed_early;
        return std::string(to_string(why)) +
               (maybe_tls ? " (is this a plain HTTP port, and not TLS?)" : "");
    }
    return outcome.gave_up.empty() ? "no answer" : outcome.gave_up;
}

class Looker {
  public:
    explicit Looker(const Plan& plan)
        : plan_(plan), end_(monotonic_now() + plan.warmup + plan.duration) {}

    [[nodiscard]] Result<Seen> at(const Endpoint& server, const Request& request) {
        const Nanos left = std::max(kMillisecond, end_ - monotonic_now());
        const Plan one = plan_of_look(plan_, server, request, left);
        auto outcome = run(one);
        if (!outcome) {
            return std::unexpected(outcome.error());
        }
        look_.requests += outcome->total.requests_sent;
        if (outcome->stopped) {
            return fail(Status::cancelled, "stopped by a signal");
        }
        if (outcome->total.answers() > 0) {
            return Seen{outcome->threads[0].last_answer, ""};
        }
        const bool cut_off =
            outcome->total.failed(Failure::timed_out) > 0 && one.timeout < plan_.timeout;
        return Seen{std::nullopt, cut_off ? "" : fault_of(*outcome)};
    }
    [[nodiscard]] Look look() const { return look_; }

  private:
    const Plan& plan_;
    const Nanos end_;
    Look look_;
};

std::string join(const std::vector<std::string>& faults) {
    std::string text;
    for (const std::string& fault : faults) {
        text += (text.empty() ? "" : "; ") + fault;
    }
    return text;
}

}  // namespace

Result<Look> look(Plan& plan, bool all, const Say& say) {
    Looker looker(plan);
    std::vector<Endpoint> answering;
    std::vector<std::string> faults;
    for (const Endpoint& server : plan.servers) {
        if (!answering.empty() && !all) {
            break;
        }
        auto seen = looker.at(server, plan.requests[0]);
        if (!seen) {
            return std::unexpected(seen.error());
        }
        if (seen->fault.empty()) {
            answering.push_back(server);
            plan.requests[0].expected = seen->answer.value_or(Expected{});
        } else {
            faults.push_back(server.to_string() + ": " + seen->fault);
        }
    }
    if (answering.empty()) {
        return fail(Status::io_error, join(faults));
    }
    if (!faults.empty()) {
        say("not measured: " + join(faults));
    }
    plan.servers = std::move(answering);
    // One request shows whether the server answers; to know every body, each must be asked for.
    const std::size_t known = plan.requests[0].expected.status != 0 ? 1 : 0;
    for (std::size_t i = known; plan.verify && i < plan.requests.size(); ++i) {
        Request& request = plan.requests[i];
        auto seen = looker.at(plan.servers[0], request);
        if (!seen) {
            return std::unexpected(seen.error());
        }
        if (!seen->answer) {
            return fail(Status::io_error,
                        plan.servers[0].to_string() + ": " +
                            (seen->fault.empty() ? "no answer to compare with within the time of "
                                                   "the run"
                                                 : seen->fault));
        }
        request.expected = *seen->answer;
    }
    return looker.look();
}

}  // namespace sluice::load
