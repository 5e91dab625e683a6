// The command line. One binary, one command each; every option says its default.

#include <fmt/format.h>

#include <cstdio>

#include "app/commands.h"
#include "app/serve.h"

namespace sluice {

namespace {

int usage_error(const CLI::App& app, const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
        return app.exit(error);  // --help, --version
    }
    fmt::print(stderr, "sluice: {} (see sluice --help)\n", error.what());
    return kExitUsage;
}

int run(const std::vector<std::string>& arguments) {
    CLI::App app{"A static web server, its load generator, and an explainer of captures", "sluice"};
    app.set_version_flag("--version", "sluice " SLUICE_VERSION);
    app.require_subcommand(1);
    const std::vector<Command> commands = add_commands(app, arguments);
    std::vector<const char*> pointers;
    pointers.reserve(arguments.size());
    for (const std::string& argument : arguments) {
        pointers.push_back(argument.c_str());
    }
    try {
        app.parse(static_cast<int>(pointers.size()), pointers.data());
    } catch (const CLI::ParseError& error) {
        return usage_error(app, error);
    }
    for (const Command& command : commands) {
        if (command.parsed->parsed()) {
            return command.run();
        }
    }
    return kExitUsage;
}

}  // namespace

}  // namespace sluice

int main(int argc, char** argv) {
    return sluice::run(sluice::arguments_of(argc, argv));
}
