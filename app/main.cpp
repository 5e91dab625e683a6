// The command line. One binary, one command each; the help shows every default.

#include <algorithm>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "app/commands.h"
#include "app/exit.h"
#include "app/usage.h"
#include "wire/output.h"

namespace sluice {

namespace {

int run(const std::vector<std::string>& arguments) {
    CLI::App app{"A static web server, its load generator, and an explainer of captures", "sluice"};
    app.allow_windows_style_options(false);  // "/srv/www" is a path everywhere
    app.set_version_flag("--version", "sluice " SLUICE_VERSION);
    app.require_subcommand(1);
    app.footer("sluice DIR is short for sluice serve DIR; sluice help COMMAND tells its options.");
    app.option_defaults()->disable_flag_override();  // --quiet=no would have no effect
    const std::vector<Command> commands = add_commands(app, arguments);
    // CLI11 takes them in reverse order, without the program's name.
    std::vector<std::string> parsed = written_out(arguments, app);
    parsed.erase(parsed.begin());
    std::ranges::reverse(parsed);
    try {
        app.parse(std::move(parsed));
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            std::ostringstream text;
            (void)app.exit(error, text);  // --help, --version
            return print(text.view()) ? kExitOk : kExitFailure;
        }
        say(wire::printable(usage_error(app, error)));
        return kExitUsage;
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
