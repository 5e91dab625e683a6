#include "app/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <optional>

#include "app/bench.h"
#include "app/bench_reports.h"
#include "app/exit.h"
#include "app/stop_request.h"
#include "app/terminal.h"
#include "backends/registry.h"
#include "bench/compare/report.h"
#include "bench/compare/runner.h"
#include "bench/compare/workspace.h"

namespace sluice {

namespace {

constexpr std::string_view kCompare = "sluice compare";

// A line that is rewritten on a terminal; nothing elsewhere.
class Progress {
  public:
    explicit Progress(bool quiet) : shown_(!quiet && stderr_is_terminal()) {}
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    void show(const std::string& line) const {
        if (shown_) {
            say_raw("\r\x1b[K" + line);
        }
    }
    ~Progress() { show(""); }

  private:
    bool shown_;
};

Result<void> write_to(const std::string& path, const std::string& text) {
    if (path != "-") {
        return compare::write_file(path, text);
    }
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
        std::fflush(stdout) != 0) {
        return fail(Status::io_error, "standard output cannot be written");
    }
    return {};
}

Result<void> write_reports(const CompareOptions& options, const compare::Report& report) {
    Result<void> written;
    if (options.json_path != "-") {
        written = write_to("-", options.markdown ? markdown_report(report) : text_report(report));
    }
    if (written && !options.json_path.empty()) {
        written = write_to(options.json_path, json_report(report));
    }
    if (written && !options.html_path.empty()) {
        written = write_to(options.html_path, html_report(report));
    }
    return written;
}

// Finds contradictions between options; the parser checks single options only.
Result<void> check(const CompareOptions& options) {
    if (options.self_trials > 0 && (options.markdown || !options.against_path.empty())) {
        return fail(Status::address_invalid, "--aa takes neither --markdown nor --against");
    }
    if (options.spin > 0 && options.self_trials == 0) {
        return fail(Status::address_invalid, "--aa-spin is for --aa");
    }
    if (options.json_path == "-" && options.markdown) {
        return fail(Status::address_invalid,
                    "--json - and --markdown both want the standard output");
    }
    return {};
}

// None: the highest one that is allowed.
std::optional<compare::Priority> priority_of(const std::string& name) {
    for (const compare::Priority one :
         {compare::Priority::ordinary, compare::Priority::raised, compare::Priority::real_time}) {
        if (name == to_string(one)) {
            return one;
        }
    }
    return std::nullopt;
}

int verdict(const compare::Report& report, const std::optional<compare::Changes>& changes) {
    if (changes && changes->regressed()) {
        return kExitRegression;
    }
    if (report.stopped) {
        return failed(kCompare, {Status::cancelled, 0, "stopped by a signal"});
    }
    // A scenario has no rows when all of its servers were left out.
    const bool measured =
        !report.self_tests.empty() ||
        std::ranges::any_of(report.scenarios, [](const auto& one) { return !one.rows.empty(); });
    if (!measured) {
        return failed(kCompare,
                      {Status::not_found, 0, "nothing was measured: see what is left out above"});
    }
    return valid(report) ? kExitOk : kExitInvalid;
}

// The JSON of --against, empty without one. Read before the measurement, which takes minutes, to
// fail early when it cannot be compared.
Result<std::string> read_earlier(const CompareOptions& options, double noise) {
    if (options.against_path.empty()) {
        return std::string();
    }
    auto text = compare::read_file(options.against_path);
    if (!text) {
        return text;
    }
    const compare::Report nothing{.generator = options.generator};
    if (auto fine = compare::against(*text, nothing, noise); !fine) {
        return fail(Status::address_invalid, options.against_path + ": " + fine.error().what);
    }
    return text;
}

Result<void> check_outputs(const CompareOptions& options) {
    for (const std::string& path : {options.json_path, options.html_path}) {
        if (auto fine = can_be_written(path); !path.empty() && path != "-" && !fine) {
            return fine;
        }
    }
    return {};
}

}  // namespace

int compare_servers(const CompareOptions& options) {
    if (auto fine = check(options); !fine) {
        return failed(kCompare, fine.error(), kExitUsage);
    }
    auto scenarios = compare::choose_scenarios(options.self_trials > 0 && options.scenarios.empty()
                                                   ? std::vector<std::string>{"page"}
                                                   : options.scenarios);
    if (!scenarios) {
        return failed(kCompare, scenarios.error(), kExitUsage);
    }
    const double noise = options.noise >= 0             ? options.noise
                         : options.against_path.empty() ? kNoise
                                                        : kNoiseAgainst;
    const auto earlier = read_earlier(options, noise);
    if (!earlier) {
        return failed(kCompare, earlier.error());
    }
    if (auto fine = check_outputs(options); !fine) {
        return failed(kCompare, fine.error());
    }
    auto backend = choose_backend("auto");
    if (!backend) {
        return failed(kCompare, backend.error());
    }
    const std::atomic<bool>& stop = stop_on_signals();
    compare::Report report{.command = options.command, .version = SLUICE_VERSION};
    {
        const Progress progress(options.quiet);
        compare::RunOptions run{.scenarios = std::move(*scenarios),
                                .servers = options.servers,
                                .baseline = options.baseline,
                                .rounds = options.rounds,
                                .duration = options.duration,
                                .noise = noise,
                                .priority = priority_of(options.priority),
                                .instructions = options.instructions,
                                .self_trials = options.self_trials,
                                .spin = options.spin,
                                .wrk = options.generator == "wrk",
                                .backends = backend->factory.get(),
                                .stop = &stop,
                                .on_progress = {}};
        run.on_progress = [&](const std::string& line) { progress.show(line); };
        if (auto done = compare::run(run, report); !done) {
            return failed(kCompare, done.error());
        }
    }
    if (auto written = write_reports(options, report); !written) {
        return failed(kCompare, written.error());
    }
    std::optional<compare::Changes> changes;
    if (!earlier->empty()) {
        changes = compare::against(*earlier, report, noise).value();
        changes->file = options.against_path;
        if (options.json_path == "-") {
            say_raw(text_changes(*changes));
        } else if (!print(text_changes(*changes))) {
            return kExitFailure;
        }
    }
    return verdict(report, changes);
}

}  // namespace sluice
