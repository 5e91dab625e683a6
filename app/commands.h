// The commands that this build has, as the command line knows them. One list for each system.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "app/option_types.h"

namespace sluice {

struct Command {
    const CLI::App* parsed;  // says whether it was asked for
    std::function<int()> run;
};

// `arguments` is the whole command line, for reports; it outlives the commands, as does `app`.
[[nodiscard]] std::vector<Command> add_commands(CLI::App& app,
                                                std::span<const std::string> arguments);

[[nodiscard]] Command add_serve_command(CLI::App& app);
[[nodiscard]] Command add_probe_command(CLI::App& app);

// The command line in UTF-8.
[[nodiscard]] std::vector<std::string> arguments_of(int argc, char** argv);

}  // namespace sluice
