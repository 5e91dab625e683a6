// The options of `sluice bench`.
#include "app/bench.h"
#include "app/find_rate.h"
#include "app/option_types.h"
#include "bench/load/request.h"
#include "bench/load/url.h"

namespace sluice {

namespace {

void add_bench_load(CLI::App* bench, BenchOptions& options) {
    bench->add_option("URL", options.urls, "http://HOST[:PORT]/PATH or unix:SOCKET[:/PATH]")
        ->type_name("URL")
        ->check(checked_by([](const std::string& text) { return load::Url::parse(text); }))
        ->required();
    add_number(*bench, "-c,--connections", options.connections, 1, 1'000'000,
               "Connections at once");
    add_number(*bench, "-t,--threads", options.threads, 1, 1024, "Threads of the generator");
    add_parsed<Nanos>(
        *bench, "-d,--duration", options.duration, "TIME",
        [](const std::string& text) { return parse_duration(text); },
        "Measured time, after the warm-up; with --replay the whole log, unless given")
        ->default_str(duration_text(kDuration));
    add_number(*bench, "-n,--requests", options.requests, 1, kNumberMax,
               "End after so many requests instead")
        ->default_str("");
    add_number(*bench, "--pipeline", options.pipeline, 1, 1024,
               "Requests under way on a connection");
    bench
        ->add_flag("--churn", options.churn,
                   "Open a new connection after each N requests (1 when no number follows)")
        ->option_text("[N]")
        ->disable_flag_override(false)
        // Without a number CLI11 passes "true" here, which becomes 1.
        ->check(checked_by([](const std::string& text) {
            return parse_number(text == "true" ? "1" : text, 1, 1'000'000'000);
        }))
        // CLI11 2.4 also checks the 0 of an absent flag.
        ->force_callback(false);
    add_parsed<Nanos>(
        *bench, "--warm-up", options.warmup, "TIME",
        [](const std::string& text) {
            return text == "0" ? Result<Nanos>(0) : parse_duration(text);
        },
        "Time before the measured one, 0 for none; a tenth of it, at most 1s, unless given");
}

void add_bench_open_loop(CLI::App* bench, BenchOptions& options) {
    add_rate(*bench, "--rate", options.rate,
             "Requests per second at instants fixed before the run (open loop)");
    add_rate(*bench, "--ramp", options.ramp_to,
             "Let the rate go evenly from that of --rate to this one");
    bench->add_flag("--find-rate", options.find_rate,
                    "Search the highest rate that keeps --slo; --rate is where it begins");
    bench
        ->add_option("--slo", options.objective,
                     "Objective of the response time: p99=2ms, p50=..., mean=..., max=...")
        ->type_name("OBJECTIVE")
        ->check(checked_by([](const std::string& text) { return Objective::parse(text); }))
        ->capture_default_str();
    add_choice<load::ArrivalKind>(
        *bench, "--arrivals", options.arrivals,
        {{"uniform", load::ArrivalKind::uniform}, {"poisson", load::ArrivalKind::poisson}},
        "Instants of --rate");
    add_name(*bench, "--replay", options.replay_path, "FILE",
             "Send the GET and HEAD requests of an access log, as spaced there");
    add_number(*bench, "--seed", options.seed, 0, kNumberMax, "Of everything random");
}

void add_bench_requests(CLI::App* bench, BenchOptions& options) {
    bench->add_option("-H,--header", options.headers, "'Name: value'; may be given several times")
        ->type_name("FIELD")
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->check(checked_by(
            [](const std::string& text) { return load::make_request({}, "GET", {text}); }));
    bench->add_option("-X,--method", options.method, "Request method")
        ->type_name("METHOD")
        ->check(
            checked_by([](const std::string& text) { return load::make_request({}, text, {}); }))
        ->capture_default_str();
    bench->add_option("--weights", options.weights, "How often each URL, relative to the others")
        ->type_name("W,W")
        ->delimiter(',')
        ->check(checked_by([](const std::string& text) { return parse_rate(text); }));
    add_duration(*bench, "--timeout", options.timeout, "For an answer; longer is a failure");
    add_duration(*bench, "--connect-timeout", options.connect_timeout, "For a handshake");
    bench->add_flag("--all-addresses", options.all_addresses,
                    "Load every address of the host, in turn, not the first that answers");
    add_backend(*bench, options.backend);
    bench->add_flag_callback(
        "--no-pin", [&options] { options.pin = false; }, "Do not tie each thread to one CPU");
}

void add_bench_checks(CLI::App* bench, BenchOptions& options) {
    bench->add_flag("--verify", options.verify,
                    "Compare status, length and XXH3 of every answer with the first one");
    add_name(*bench, "--verify-root", options.verify_root, "DIR",
             "Compare every answer with the file below this directory instead");
    bench->add_flag("--verify-wire", options.verify_wire,
                    "Capture some connections and compare our clock with what was on the wire");
}

void add_bench_reports(CLI::App* bench, BenchOptions& options) {
    bench->add_flag("-q,--quiet", options.quiet, "No lines while the run goes on");
    add_name(*bench, "--json", options.json_path, "FILE",
             "Write the result as JSON; - is standard output");
    add_name(*bench, "--csv", options.csv_path, "FILE",
             "Write the time series as CSV; - is standard output");
    add_name(*bench, "--hdr", options.hdr_prefix, "PREFIX",
             "Write PREFIX.hlog and PREFIX.*.hgrm for HdrHistogram's tools");
    add_name(*bench, "--html", options.html_path, "FILE", "Write one page with plots");
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
