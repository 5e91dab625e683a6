#include "app/commands.h"

#include <memory>

#include "app/bench.h"
#include "app/compare.h"
#include "app/probe.h"
#include "app/serve.h"
#include "app/wire.h"

namespace sluice {

namespace {

std::string command_line(std::span<const std::string> arguments) {
    std::string line = "sluice";
    for (const std::string& argument : arguments.subspan(1)) {
        line += " " + argument;
    }
    return line;
}

Command add_bench_command(CLI::App& app, std::span<const std::string> arguments) {
    const auto options = std::make_shared<BenchOptions>();
    return {add_bench(app, *options), [options, arguments] {
                options->command = command_line(arguments);
                return bench(*options);
            }};
}

Command add_compare_command(CLI::App& app, std::span<const std::string> arguments) {
    const auto options = std::make_shared<CompareOptions>();
    return {add_compare(app, *options), [options, arguments] {
                options->command = command_line(arguments);
                return compare_servers(*options);
            }};
}

Command add_wire_command(CLI::App& app) {
    const auto options = std::make_shared<WireOptions>();
    return {add_wire(app, *options), [options] { return wire_command(*options); }};
}

Command add_serve_command(CLI::App& app) {
    const auto options = std::make_shared<ServeOptions>();
    return {add_serve(app, *options), [options] { return serve(*options); }};
}

Command add_probe_command(CLI::App& app) {
    return {app.add_subcommand("probe", "Say which backends this machine can run, and why"), probe};
}

}  // namespace

std::vector<Command> add_commands(CLI::App& app, std::span<const std::string> arguments) {
    return {add_serve_command(app), add_bench_command(app, arguments),
            add_compare_command(app, arguments), add_wire_command(app), add_probe_command(app)};
}

}  // namespace sluice
