// The options of `sluice bench`.
#include <map>

#include "app/bench.h"
#include "app/option_types.h"
#include "backends/registry.h"

namespace sluice {

namespace {

void add_bench_load(CLI::App* bench, BenchOptions& options) {
    bench->add_option("URL", options.urls, "http://HOST[:PORT]/PATH or unix:SOCKET[:/PATH]")
        ->required();
    bench->add_option("-c,--connections", options.connections, "Connections at once")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    bench->add_option("-t,--threads", options.threads, "Threads of the generator")
        ->check(CLI::Range(1, 1024))
        ->capture_default_str();
    add_duration(*bench, "-d,--duration", options.duration, "Measured time, after the warm-up");
    bench->add_option("-n,--requests", options.requests, "End after so many requests instead");
    bench->add_option("--pipeline", options.pipeline, "Requests under way on a connection")
        ->check(CLI::Range(1, 1024))
        ->capture_default_str();
    bench
        ->add_flag("--churn", options.churn,
                   "Open a new connection after each N requests (1 when no number follows)")
        ->option_text("[N]")
        // Without a number CLI11 has "true" here, which makes 1.
        ->check([](const std::string& text) {
            return text == "true" ? std::string{} : CLI::Range(1, 1'000'000'000)(text);
        })
        // CLI11 2.4 checks the 0 of a flag that is not there, too.
        ->force_callback(false);
    bench
        ->add_option_function<std::string>(
            "--warm-up",
            [&options](const std::string& text) {
                auto duration = text == "0" ? Result<Nanos>(0) : parse_duration(text);
                if (!duration) {
                    throw CLI::ValidationError("--warm-up", duration.error().what);
                }
                options.warmup = *duration;
            },
            "Time before the measured one; a tenth of it, at most 1s, unless given")
        ->type_name("TIME");
}

void add_bench_open_loop(CLI::App* bench, BenchOptions& options) {
    bench
        ->add_option("--rate", options.rate,
                     "Requests per second at instants fixed before the run (open loop)")
        ->check(CLI::PositiveNumber);
    bench
        ->add_option("--ramp", options.ramp_to,
                     "Let the rate go evenly from that of --rate to this one")
        ->check(CLI::PositiveNumber);
    bench->add_flag("--find-rate", options.find_rate,
                    "Search the highest rate that keeps --slo; --rate is where it begins");
    bench
        ->add_option("--slo", options.objective,
                     "Objective of the response time: p99=2ms, p50=..., mean=..., max=...")
        ->capture_default_str();
    bench->add_option("--arrivals", options.arrivals, "uniform or poisson")
        ->transform(CLI::CheckedTransformer(
            std::map<std::string, load::ArrivalKind>{{"uniform", load::ArrivalKind::uniform},
                                                     {"poisson", load::ArrivalKind::poisson}},
            CLI::ignore_case))
        ->default_str("uniform")
        ->option_text("NAME=uniform");
    bench
        ->add_option("--replay", options.replay_path,
                     "Send the GET and HEAD requests of an access log, as spaced there")
        ->type_name("FILE");
    bench->add_option("--seed", options.seed, "Of everything random")->capture_default_str();
}

void add_bench_requests(CLI::App* bench, BenchOptions& options) {
    bench->add_option("-H,--header", options.headers, "'Name: value'; may be given several times")
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    bench->add_option("-X,--method", options.method, "Request method")->capture_default_str();
    bench->add_option("--weights", options.weights, "How often each URL, relative to the others")
        ->delimiter(',')
        ->check(CLI::PositiveNumber);
    add_duration(*bench, "--timeout", options.timeout, "For an answer; longer is a failure");
    add_duration(*bench, "--connect-timeout", options.connect_timeout, "For a handshake");
    bench->add_option("--backend", options.backend, "Way of talking to the system")
        ->check(CLI::IsMember(backend_names()))
        ->capture_default_str();
    bench->add_flag("!--no-pin", options.pin, "Do not tie each thread to one CPU");
}

void add_bench_checks(CLI::App* bench, BenchOptions& options) {
    bench->add_flag("--verify", options.verify,
                    "Compare status, length and XXH3 of every answer with the first one");
    bench
        ->add_option("--verify-root", options.verify_root,
                     "Compare every answer with the file below this directory instead")
        ->type_name("DIR");
    bench->add_flag("--verify-wire", options.verify_wire,
                    "Capture some connections and compare our clock with what was on the wire");
}

void add_bench_reports(CLI::App* bench, BenchOptions& options) {
    bench->add_flag("-q,--quiet", options.quiet, "No lines while the run goes on");
    bench->add_option("--json", options.json_path,
                      "Write the result as JSON; - is standard output");
    bench->add_option("--csv", options.csv_path, "Write the time series as CSV");
    bench
        ->add_option("--hdr", options.hdr_prefix,
                     "Write PREFIX.hlog and PREFIX.*.hgrm for HdrHistogram's tools")
        ->type_name("PREFIX");
    bench->add_option("--html", options.html_path, "Write one page with plots");
}

}  // namespace

CLI::App* add_bench(CLI::App& app, BenchOptions& options) {
    CLI::App* bench = app.add_subcommand("bench", "Load a server and measure its latencies");
    add_bench_load(bench, options);
    add_bench_open_loop(bench, options);
    add_bench_requests(bench, options);
    add_bench_checks(bench, options);
    add_bench_reports(bench, options);
    return bench;
}

}  // namespace sluice
