// The options of `sluice serve`.
#include <cstdint>
#include <map>

#include "app/option_types.h"
#include "app/serve.h"
#include "backends/registry.h"

namespace sluice {

namespace {

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

}  // namespace

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
    serve->add_option("--backend", options.backend, "Way of talking to the system")
        ->check(CLI::IsMember(backend_names()))
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
    serve->add_flag("--server-timing", options.server_timing,
                    "Tell in the first answer on a connection how long that waited to be accepted "
                    "(Server-Timing: accept)");
    add_limits(*serve, options.limits);
    return serve;
}

}  // namespace sluice
