// The command line. One binary, one command each; every option says its default.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <map>

#include "app/bench.h"
#include "app/probe.h"
#include "app/serve.h"
#include "app/units.h"
#include "app/wire.h"

namespace sluice {

namespace {

// Options that are written as a size or a duration: parsed and checked by CLI11's own mechanism,
// shown with their default.
template <typename T>
void add_size(CLI::App& app, const char* name, T& value, const char* help) {
    app.add_option_function<std::string>(
           name,
           [&value, name](const std::string& text) {
               auto size = parse_size(text);
               if (!size || *size > std::numeric_limits<T>::max()) {
                   throw CLI::ValidationError(name, size ? "too large" : size.error().what);
               }
               value = static_cast<T>(*size);
           },
           help)
        ->type_name("SIZE")
        ->default_str(size_text(value));
}

void add_duration(CLI::App& app, const char* name, Nanos& value, const char* help) {
    app.add_option_function<std::string>(
           name,
           [&value, name](const std::string& text) {
               auto duration = parse_duration(text);
               if (!duration) {
                   throw CLI::ValidationError(name, duration.error().what);
               }
               value = *duration;
           },
           help)
        ->type_name("TIME")
        ->default_str(duration_text(value));
}

void add_limits(CLI::App& app, Limits& limits) {
    const char* group = "Limits";
    const auto from = app.get_options().size();
    add_size(app, "--request-line-max", limits.request_line_bytes, "Longer request line: 414");
    add_size(app, "--head-max", limits.head_bytes, "Longer request head: 431");
    app.add_option("--fields-max", limits.fields, "More header fields: 431")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    add_size(app, "--body-max", limits.body_bytes, "Longer request body: 413");
    app.add_option("--connections", limits.connections_per_worker,
                   "Connections at once for each worker")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    add_duration(app, "--head-timeout", limits.head_timeout,
                 "For a whole request head, from accept or its first byte: 408");
    add_duration(app, "--body-timeout", limits.body_timeout, "For a whole request body: 408");
    add_duration(app, "--idle-timeout", limits.idle_timeout, "Between requests");
    add_duration(app, "--write-timeout", limits.write_timeout,
                 "Without a single byte that a slow reader acknowledges");
    add_duration(app, "--linger-timeout", limits.linger_timeout,
                 "Reading on after the last response before closing");
    add_size(app, "--linger-max", limits.linger_bytes, "And so many bytes");
    add_duration(app, "--drain-timeout", limits.drain_timeout,
                 "From SIGTERM to the end of the last response");
    const auto options = app.get_options();
    for (std::size_t i = from; i < options.size(); ++i) {
        options[i]->group(group);
    }
}

CLI::App* add_serve(CLI::App& app, ServeOptions& options) {
    CLI::App* serve = app.add_subcommand("serve", "Serve a directory over HTTP");
    serve->add_option("ROOT", options.root, "Directory to serve")->capture_default_str();
    serve
        ->add_option("--listen", options.listen,
                     "Address: HOST:PORT, [IPv6]:PORT, PORT (all addresses) or unix:PATH; "
                     "may be given several times")
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->check([](const std::string& text) {
            auto endpoint = Endpoint::parse(text);
            return endpoint ? std::string{} : endpoint.error().what;
        })
        ->type_name("ADDR")
        ->capture_default_str();
    serve->add_option("--backend", options.backend, "auto, io_uring or epoll")
        ->check(CLI::IsMember({"auto", "io_uring", "epoll"}))
        ->capture_default_str();
    serve->add_option("--workers", options.workers, "Threads; 0: one for each usable CPU")
        ->check(CLI::Range(0, 1024))
        ->capture_default_str();
    serve->add_flag("!--no-pin", options.pin, "Do not tie each worker to one CPU");
    add_size(*serve, "--memory-budget", options.memory_budget_bytes,
             "Files are kept in memory up to this much; the rest is sent from disk");
    add_size(*serve, "--memory-send-max", options.memory_send_max_bytes,
             "Bodies up to this size are sent from memory, larger ones by sendfile");
    serve->add_option("--access-log", options.access_log,
                      "File for the access log, or - for standard output; none by default");
    serve->add_option("--log-format", options.log_format, "common, combined or json")
        ->transform(CLI::CheckedTransformer(
            std::map<std::string, http::LogFormat>{{"common", http::LogFormat::common},
                                                   {"combined", http::LogFormat::combined},
                                                   {"json", http::LogFormat::json}},
            CLI::ignore_case))
        ->default_str("combined");
    add_limits(*serve, options.limits);
    return serve;
}

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
        ->add_option("--churn", options.churn,
                     "Open a new connection after so many requests (1 when no number follows)")
        ->expected(0, 1)
        ->default_str("1")
        ->option_text("[N]")
        ->check(CLI::Range(1, 1'000'000'000));
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
    bench->add_option("--backend", options.backend, "auto, io_uring or epoll")
        ->check(CLI::IsMember({"auto", "io_uring", "epoll"}))
        ->capture_default_str();
    bench->add_flag("!--no-pin", options.pin, "Do not tie each thread to one CPU");
    bench->add_flag("--verify", options.verify,
                    "Compare status, length and XXH3 of every answer with the first one");
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

CLI::App* add_bench(CLI::App& app, BenchOptions& options) {
    CLI::App* bench = app.add_subcommand("bench", "Load a server and measure its latencies");
    add_bench_load(bench, options);
    add_bench_open_loop(bench, options);
    add_bench_requests(bench, options);
    add_bench_reports(bench, options);
    return bench;
}

CLI::App* add_wire(CLI::App& app, WireOptions& options) {
    CLI::App* command = app.add_subcommand("wire", "Explain a capture of TCP and HTTP");
    command->add_option("FILE", options.file, "A pcap or pcapng capture; - is standard input");
    command->add_option("--live", options.live, "Capture on this interface until Ctrl-C")
        ->type_name("IFACE");
    command->add_option("--port", options.port, "Only this TCP port (with --live)");
    command
        ->add_option_function<std::string>(
            "--lab",
            [&options](const std::string& root) {
                options.lab = true;
                options.lab_root = root.empty() ? options.lab_root : root;
            },
            "Serve ROOT (default: site) to a client in a private network, and explain that")
        ->expected(0, 1)
        ->type_name("[ROOT]");
    command->add_flag("--browser", options.browser, "With --lab: let Chromium fetch the page, too");
    command->add_option("--html", options.html, "Write the report as one HTML page")
        ->type_name("FILE");
    command->add_option("--markdown", options.markdown, "Write the report as Markdown")
        ->type_name("FILE");
    command->add_option("--pcapng", options.pcapng, "Write the capture with the notes as comments")
        ->type_name("FILE");
    command->add_option("--lang", options.language, "en or zh: language of notes")
        ->transform(CLI::CheckedTransformer(
            std::map<std::string, wire::Language>{{"en", wire::Language::en},
                                                  {"zh", wire::Language::zh}},
            CLI::ignore_case))
        ->default_str("en");
    command->add_flag("--json", options.json, "JSON Lines instead of the timeline");
    command->add_flag("--show-secrets", options.show_secrets,
                      "Print the values of Authorization and Cookie fields");
    return command;
}

int usage_error(const CLI::App& app, const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
        return app.exit(error);  // --help, --version
    }
    fmt::print(stderr, "sluice: {} (see sluice --help)\n", error.what());
    return kExitUsage;
}

int run(int argc, char** argv) {
    CLI::App app{"A static web server on io_uring and epoll, and its load generator", "sluice"};
    app.set_version_flag("--version", "sluice " SLUICE_VERSION);
    app.require_subcommand(1);
    ServeOptions options;
    const CLI::App* serve_command = add_serve(app, options);
    BenchOptions bench_options;
    const CLI::App* bench_command = add_bench(app, bench_options);
    WireOptions wire_options;
    const CLI::App* wire_parsed = add_wire(app, wire_options);
    const CLI::App* probe_command =
        app.add_subcommand("probe", "Say which backends this machine can run, and why");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return usage_error(app, error);
    }
    if (serve_command->parsed()) {
        return serve(options);
    }
    if (bench_command->parsed()) {
        for (int i = 0; i < argc; ++i) {
            bench_options.command += std::string(i == 0 ? "" : " ") + (i == 0 ? "sluice" : argv[i]);
        }
        return bench(bench_options);
    }
    if (wire_parsed->parsed()) {
        return wire_command(wire_options);
    }
    return probe_command->parsed() ? probe() : kExitUsage;
}

}  // namespace

}  // namespace sluice

int main(int argc, char** argv) {
    return sluice::run(argc, argv);
}
