#include "app/commands.h"

#include <fmt/format.h>

#include <memory>

#include "app/bench.h"
#include "app/compare.h"
#include "app/exit.h"
#include "app/probe.h"
#include "app/serve.h"
#include "app/usage.h"
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
    const auto options = std::make_shared<ServeConfig>();
    return {add_serve(app, *options), [options] {
                if (auto fine = expect_directory(options->root); !fine) {
                    return failed("sluice", fine.error());
                }
                return serve(*options);
            }};
}

Command add_probe_command(CLI::App& app) {
    return {app.add_subcommand("probe", "Say which backends this machine can run, and why"), probe};
}

Command add_help_command(CLI::App& app) {
    const auto name = std::make_shared<std::string>();
    CLI::App* help = app.add_subcommand("help", "Explain a command and its options");
    help->add_option("COMMAND", *name, "serve, bench ...; none: all of them")->type_name("NAME");
    return {help, [&app, name] {
                const auto text = help_on(app, *name);
                if (!text) {
                    return failed("sluice", text.error(), kExitUsage);
                }
                return print(*text) ? kExitOk : kExitFailure;
            }};
}

Command add_version_command(CLI::App& app) {
    return {app.add_subcommand("version", "Say which version this is"),
            [&app] { return print(app.version() + "\n") ? kExitOk : kExitFailure; }};
}

}  // namespace

std::vector<Command> add_commands(CLI::App& app, std::span<const std::string> arguments) {
    return {add_serve_command(app),
            add_bench_command(app, arguments),
            add_compare_command(app, arguments),
            add_wire_command(app),
            add_probe_command(app),
            add_help_command(app),
            add_version_command(app)};
}

}  // namespace sluice
