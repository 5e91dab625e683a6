// The command line. One binary, one command each; every option says its default.

#include <fmt/format.h>

#include <cstdio>

#include "app/bench.h"
#include "app/compare.h"
#include "app/option_types.h"
#include "app/probe.h"
#include "app/serve.h"
#include "app/wire.h"

namespace sluice {

namespace {

std::string command_line(int argc, char** argv) {
    std::string line = "sluice";
    for (int i = 1; i < argc; ++i) {
        line += std::string(" ") + argv[i];
    }
    return line;
}

int usage_error(const CLI::App& app, const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
        return app.exit(error);  // --help, --version
    }
    fmt::print(stderr, "sluice: {} (see sluice --help)\n", error.what());
    return kExitUsage;
}

// The arguments, the last one first, as CLI11 takes them. `--churn` has a number or none: CLI11
// could only take whatever follows, even the URL, so a number that follows is joined to it here.
std::vector<std::string> arguments_of(int argc, char** argv) {
    std::vector<std::string> arguments;
    for (int i = 1; i < argc; ++i) {
        const std::string_view text = argv[i];
        const bool number =
            !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
        if (number && !arguments.empty() && arguments.back() == "--churn") {
            arguments.back() += "=";
            arguments.back() += text;
        } else {
            arguments.emplace_back(text);
        }
    }
    std::ranges::reverse(arguments);
    return arguments;
}

int run(int argc, char** argv) {
    CLI::App app{"A static web server, its load generator, and an explainer of captures", "sluice"};
    app.set_version_flag("--version", "sluice " SLUICE_VERSION);
    app.require_subcommand(1);
    ServeOptions options;
    const CLI::App* serve_command = add_serve(app, options);
    BenchOptions bench_options;
    const CLI::App* bench_command = add_bench(app, bench_options);
    CompareOptions compare_options;
    const CLI::App* compare_command = add_compare(app, compare_options);
    WireOptions wire_options;
    const CLI::App* wire_parsed = add_wire(app, wire_options);
    const CLI::App* probe_command =
        app.add_subcommand("probe", "Say which backends this machine can run, and why");
    try {
        app.parse(arguments_of(argc, argv));
    } catch (const CLI::ParseError& error) {
        return usage_error(app, error);
    }
    if (serve_command->parsed()) {
        return serve(options);
    }
    if (bench_command->parsed()) {
        bench_options.command = command_line(argc, argv);
        return bench(bench_options);
    }
    if (compare_command->parsed()) {
        compare_options.command = command_line(argc, argv);
        return compare_servers(compare_options);
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
