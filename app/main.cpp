// The command line. One binary, one command each; every option says its default.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "app/commands.h"
#include "app/exit.h"

namespace sluice {

namespace {

int usage_error(const CLI::App& app, const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
        return app.exit(error);  // --help, --version
    }
    fmt::print(stderr, "sluice: {} (see sluice --help)\n", error.what());
    return kExitUsage;
}

// `--churn` has a number or none: CLI11 could only take whatever follows, even the URL, so a number
// that follows is joined to it here.
void join_churn(std::vector<std::string>& arguments) {
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const std::string& text = arguments[i];
        const bool number =
            !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
        if (number && arguments[i - 1] == "--churn") {
            arguments[i - 1] += "=" + text;
            arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }
}

int run(const std::vector<std::string>& arguments) {
    CLI::App app{"A static web server, its load generator, and an explainer of captures", "sluice"};
    app.allow_windows_style_options(false);  // "/srv/www" is a path everywhere
    app.set_version_flag("--version", "sluice " SLUICE_VERSION);
    app.require_subcommand(1);
    const std::vector<Command> commands = add_commands(app, arguments);
    // CLI11 takes them the last one first, without the program's name.
    std::vector<std::string> parsed(arguments.begin() + 1, arguments.end());
    join_churn(parsed);
    std::ranges::reverse(parsed);
    try {
        app.parse(std::move(parsed));
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
    sluice::prepare_streams();
    return sluice::run(sluice::arguments_of(argc, argv));
}
