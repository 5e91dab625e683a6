// The options of `sluice serve`.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "app/option_types.h"
#include "app/serve.h"

namespace sluice {

namespace {

void add_limits(CLI::App& app, Limits& limits) {
    const char* group = "Limits";
    const auto from = app.get_options().size();
    add_size(app, "--request-line-max", limits.request_line_bytes, "Longer request line: 414");
    add_size(app, "--head-max", limits.head_bytes, "Longer request head: 431");
    add_number(app, "--fields-max", limits.fields, 1, 100'000, "More header fields: 431");
    add_size(app, "--body-max", limits.body_bytes, "Longer request body: 413");
    add_number(app, "--connections", limits.connections_per_worker, 1, 1'000'000,
               "At once for each worker; then the longest idle give way");
    add_number(app, "--connections-per-client", limits.connections_per_client, 0, 1'000'000,
               "From one IPv4 address or IPv6 /64 at once; 0: as many as they like");
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

CLI::App* add_serve(CLI::App& app, ServeConfig& options) {
    CLI::App* serve = app.add_subcommand("serve", "Serve a directory over HTTP");
    add_name(*serve, "ROOT", options.root, "DIR", "Directory to serve")->default_str(options.root);
    serve
        ->add_option(
            "--listen", options.listen,
            "Address: HOST:PORT, [IPv6]:PORT, PORT (every address of this machine: open to "
            "the whole network) or unix:PATH; may be given several times")
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->check(checked_by([](const std::string& text) { return Endpoint::parse(text); }))
        ->type_name("ADDR")
        ->capture_default_str();
    add_backend(*serve, options.backend);
    add_number(*serve, "--workers", options.workers, 0, kWorkersMax,
               "Threads; 0: one for each usable CPU");
    serve->add_flag_callback(
        "--no-pin", [&options] { options.pin = false; }, "Do not tie each worker to one CPU");
    serve->add_flag("--follow-symlinks", options.follow_links,
                    "Serve what links lead to outside of the directory, too");
    add_size(*serve, "--memory-budget", options.memory_budget_bytes,
             "Files are kept in memory up to this much; the rest is sent from disk");
    add_size(*serve, "--memory-send-max", options.memory_send_max_bytes,
             "Bodies up to this size are sent from memory, larger ones by sendfile");
    serve
        ->add_option_function<std::vector<std::string>>(
            "--mime",
            [&options](const std::vector<std::string>& texts) {
                for (const std::string& text : texts) {
                    auto rule = http::parse_mime_rule(text);
                    if (!rule) {
                        throw CLI::ValidationError("--mime", rule.error().what);
                    }
                    options.mime.push_back(std::move(*rule));
                }
            },
            "Content-Type of files with this extension; may be given several times")
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->type_name("EXT=TYPE");
    add_name(*serve, "--access-log", options.access_log, "FILE",
             "File for the access log, or - for standard output; none by default");
    add_choice<http::LogFormat>(*serve, "--log-format", options.log_format,
                                {{"common", http::LogFormat::common},
                                 {"combined", http::LogFormat::combined},
                                 {"json", http::LogFormat::json}},
                                "Format of its lines");
    serve->add_flag("--server-timing", options.server_timing,
                    "Tell in the first answer on a connection how long that waited to be accepted "
                    "(Server-Timing: accept)");
    add_limits(*serve, options.limits);
    return serve;
}

}  // namespace sluice
