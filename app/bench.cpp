#include "app/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "app/exit.h"
#include "app/find_rate.h"
#include "app/stop_request.h"
#include "app/terminal.h"
#include "app/verify_root.h"
#include "app/wire_tap.h"
#include "backends/registry.h"
#include "bench/load/hdr_format.h"
#include "bench/load/replay.h"
#include "bench/load/report.h"
#include "bench/load/request.h"
#include "bench/load/run.h"

namespace sluice {

namespace {

constexpr std::string_view kBench = "sluice bench";

using load::Plan;

constexpr double kFirstRate = 1000;  // of --find-rate

// The log's requests take the place of the URL's path; its server stays.
Result<void> add_replay(const BenchOptions& options, const load::Url& server, Plan& plan) {
    std::ifstream file(options.replay_path, std::ios::binary);
    std::ostringstream text;
    if (!file || !(text << file.rdbuf())) {
        return fail(Status::not_found, options.replay_path + ": cannot be read, or is empty");
    }
    const load::ReplayLog log = load::read_replay_log(text.view());
    if (log.entries.empty()) {
        return fail(Status::address_invalid, options.replay_path +
                                                 ": no GET or HEAD request in it; expected the "
                                                 "common, the combined, or sluice's JSON format");
    }
    if (log.left_out > 0) {
        fmt::print(stderr, "sluice bench: {} of the log's lines are left out\n", log.left_out);
    }
    plan.requests.clear();
    for (const load::ReplayLog::Target& target : log.targets) {
        load::Url url = server;
        url.target = target.path;
        auto request = load::make_request(url, target.method, options.headers);
        if (!request) {
            return std::unexpected(request.error());
        }
        request->url = target.path;
        plan.requests.push_back(std::move(*request));
    }
    for (const load::ReplayLog::Entry& entry : log.entries) {
        plan.replay.push_back({entry.at, entry.target});
    }
    plan.warmup = 0;
    plan.duration = (log.entries.back().at / kSecond + 1) * kSecond;  // the log's last second, too
    return {};
}

Result<Plan> make_plan(const BenchOptions& options) {
    Plan plan;
    std::vector<load::Url> urls;
    for (std::size_t i = 0; i < options.urls.size(); ++i) {
        auto url = load::Url::parse(options.urls[i]);
        if (!url) {
            return std::unexpected(url.error());
        }
        auto request = load::make_request(*url, options.method, options.headers);
        if (!request) {
            return std::unexpected(request.error());
        }
        request->url = options.urls[i];
        request->weight = options.weights.empty() ? 1 : options.weights[i];
        plan.requests.push_back(std::move(*request));
        urls.push_back(std::move(*url));
        if (!urls.back().same_server(urls.front())) {
            return fail(Status::address_invalid, "all URLs of a run must be of one server; '" +
                                                     options.urls[i] + "' is not of that of '" +
                                                     options.urls[0] + "'");
        }
    }
    plan.threads = options.threads;
    plan.connections = options.connections;
    plan.pipeline = options.pipeline;
    plan.churn = options.churn;
    plan.duration = options.duration;
    plan.requests_max = options.requests;
    if (options.requests > 0) {
        plan.duration = 24 * 3600 * kSecond;  // the requests end it
    }
    plan.warmup = options.warmup >= 0    ? options.warmup
                  : options.requests > 0 ? 0
                                         : std::min(kSecond, options.duration / 10);
    if (options.rate > 0) {
        const double to = options.ramp_to > 0 ? options.ramp_to : options.rate;
        if (plan.warmup > 0) {
            plan.rate.push_back({options.rate, options.rate, plan.warmup});
        }
        plan.rate.push_back({options.rate, to, plan.duration});
    }
    if (!options.replay_path.empty()) {
        if (auto added = add_replay(options, urls[0], plan); !added) {
            return std::unexpected(added.error());
        }
    }
    plan.arrivals = options.arrivals;
    plan.seed = options.seed;
    plan.timeout = options.timeout;
    plan.connect_timeout = options.connect_timeout;
    plan.pin = options.pin;
    plan.verify = options.verify;
    auto server = load::resolve(urls[0]);
    if (!server) {
        return std::unexpected(server.error());
    }
    plan.server = *server;
    return plan;
}

// What contradicts itself; the command line's own checks see single options only.
Result<void> check(const BenchOptions& options) {
    if (!options.weights.empty() && options.weights.size() != options.urls.size()) {
        return fail(Status::address_invalid, "--weights needs one number for each URL");
    }
    if (options.connections < options.threads) {
        return fail(Status::address_invalid,
                    fmt::format("{} connections cannot be shared by {} threads",
                                options.connections, options.threads));
    }
    if (options.rate > 0 && options.requests > 0) {
        return fail(Status::address_invalid,
                    "-n and --rate exclude each other; give a duration (-d)");
    }
    if (options.find_rate && (options.requests > 0 || options.ramp_to > 0)) {
        return fail(Status::address_invalid, "--find-rate takes neither -n nor --ramp");
    }
    if (!options.replay_path.empty() && (options.rate > 0 || options.requests > 0 ||
                                         options.find_rate || options.urls.size() > 1)) {
        return fail(Status::address_invalid,
                    "--replay takes one URL and neither --rate, -n nor --find-rate");
    }
    if (options.ramp_to > 0 && options.rate <= 0) {
        return fail(Status::address_invalid, "--ramp needs --rate, the rate to begin with");
    }
    return {};
}

bool write_file(const std::string& path, const std::string& text) {
    std::FILE* file = path == "-" ? stdout : std::fopen(path.c_str(), "wb");
    bool written = false;
    if (file != nullptr) {
        written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
        written = (path == "-" ? std::fflush(file) : std::fclose(file)) == 0 && written;
    }
    if (!written) {
        fmt::print(stderr, "sluice bench: {} could not be written\n", path);
    }
    return written;
}

// The live view: one line that is rewritten on a terminal, plain lines elsewhere.
class Live {
  public:
    explicit Live(bool quiet) : quiet_(quiet), terminal_(stderr_is_terminal()) {}
    void show(const load::Second& second) {
        if (!quiet_) {
            fmt::print(stderr, "{}{}{}", terminal_ ? "\r\x1b[K" : "", load::live_line(second),
                       terminal_ ? "" : "\n");
            std::fflush(stderr);
        }
    }
    ~Live() {
        if (!quiet_ && terminal_) {
            fmt::print(stderr, "\r\x1b[K");
        }
    }

  private:
    bool quiet_;
    bool terminal_;
};

// HdrHistogram's interval log grows while the run goes on, a line for each second and kind.
class IntervalLog {
  public:
    explicit IntervalLog(bool wanted) : wanted_(wanted) {}
    void add(const load::Second& second, const load::Tally& tally) {
        if (!wanted_ || second.warmup) {
            return;
        }
        const double start = static_cast<double>(second.from) / 1e9;
        const double length = static_cast<double>(second.to - second.from) / 1e9;
        lines_ += load::log_line("response", start, length, tally.response);
        lines_ += load::log_line("service", start, length, tally.service_all());
    }
    [[nodiscard]] std::string text(std::int64_t started_ms) const {
        return load::log_head(started_ms, "Logged by sluice " SLUICE_VERSION) + lines_;
    }

  private:
    bool wanted_;
    std::string lines_;
};

bool write_hdr(const std::string& prefix, const IntervalLog& log, const load::Outcome& outcome) {
    const load::Tally& total = outcome.total;
    return write_file(prefix + ".hlog", log.text(outcome.started_wall_ms)) &&
           write_file(prefix + ".response.hgrm", load::percentile_text(total.response)) &&
           write_file(prefix + ".service.hgrm", load::percentile_text(total.service_all()));
}

int write_reports(const BenchOptions& options, const IntervalLog& log, const load::Report& report) {
    bool written = true;
    if (options.json_path != "-" && options.csv_path != "-") {
        written = write_file("-", text_report(report));
    }
    if (!options.json_path.empty()) {
        written = write_file(options.json_path, json_report(report)) && written;
    }
    if (!options.csv_path.empty()) {
        written = write_file(options.csv_path, csv_report(report)) && written;
    }
    if (!options.hdr_prefix.empty()) {
        written = write_hdr(options.hdr_prefix, log, report.outcome) && written;
    }
    if (!options.html_path.empty()) {
        written = write_file(options.html_path, html_report(report)) && written;
    }
    if (!written) {
        return kExitFailure;
    }
    return report.validity.valid() ? kExitOk : kExitInvalid;
}

}  // namespace

int bench(const BenchOptions& options) {
    if (auto fine = check(options); !fine) {
        return failed(kBench, fine.error(), kExitUsage);
    }
    const auto objective = Objective::parse(options.objective);
    if (!objective) {
        return failed(kBench, objective.error(), kExitUsage);
    }
    auto plan = make_plan(options);
    if (!plan) {
        return failed(kBench, plan.error());
    }
    auto backend = choose_backend(options.backend);
    if (!backend) {
        return failed(kBench, backend.error());
    }
    plan->backends = backend->factory.get();
    plan->stop = &stop_on_signals();
    if (auto answer = load::probe(*plan); !answer) {
        return failed(kBench, answer.error());
    }
    if (!options.verify_root.empty()) {
        if (auto found = expect_files(options.verify_root, *plan); !found) {
            return failed(kBench, found.error());
        }
    }
    std::unique_ptr<load::WireTap> tap;
    if (options.verify_wire) {
        plan->sample_mask = load::sample_mask(plan->connections, plan->churn > 0);
        auto opened =
            open_wire_tap(plan->server, load::is_own_address(plan->server), plan->sample_mask);
        if (!opened) {
            return failed(kBench, opened.error());
        }
        tap = std::move(*opened);
        plan->tap = tap.get();
    }
    if (options.find_rate) {
        return find_rate(*plan, options.rate > 0 ? options.rate : kFirstRate, *objective);
    }
    IntervalLog log(!options.hdr_prefix.empty());
    Result<load::Outcome> outcome = [&] {
        Live live(options.quiet);
        return load::run(*plan, [&](const load::Second& second, const load::Tally& tally) {
            live.show(second);
            log.add(second, tally);
        });
    }();
    if (!outcome) {
        return failed(kBench, outcome.error());
    }
    const load::Validity validity = load::judge(*plan, *outcome);
    return write_reports(
        options, log, {*plan, *outcome, validity, options.command, backend->why, SLUICE_VERSION});
}

}  // namespace sluice
