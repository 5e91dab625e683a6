// The commands of the command line.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "app/option_types.h"

namespace sluice {

struct Command {
    const CLI::App* parsed;  // says whether it was given
    std::function<int()> run;
};

// `arguments` is the whole command line, for reports; it outlives the commands, as does `app`.
[[nodiscard]] std::vector<Command> add_commands(CLI::App& app,
                                                std::span<const std::string> arguments);

// Makes the standard streams pass bytes unchanged, with text in UTF-8. A standard stream that is
// closed stays so: no file or socket gets its number, and with it the text.
void prepare_streams();

// The command line in UTF-8.
[[nodiscard]] std::vector<std::string> arguments_of(int argc, char** argv);

}  // namespace sluice
