// The options of a service, each described once: its name, which is a flag of the command line with
// two dashes and a key of the configuration file without, its type, its help, and how a text
// becomes its value. Command line, file, help and manual are made of these.
//
// Immutable; any thread.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"
#include "serve/config.h"

namespace sluice {

struct ServeOption {
    std::string_view name;  // "memory-budget"
    std::string_view type;  // what its value is, as --help has it: "SIZE"; empty: a switch
    // What it does, in one line. A switch that is on unless told otherwise is the flag --no-NAME,
    // and this says what that one does.
    std::string help;
    bool is_list = false;    // may be given several times; an array in the file
    std::string_view group;  // its heading in --help; empty: that of all options

    // Takes the values, which are one but for a list, in place of what was there. Those of a switch
    // are "true" and "false". An error says what is wrong with the value, not of which option.
    std::function<Result<void>(ServeConfig&, std::span<const std::string>)> set;
    // The value as the texts that would set it; none when there is none.
    std::function<std::vector<std::string>(const ServeConfig&)> get;
};

// All but the root, in the order of --help.
[[nodiscard]] std::span<const ServeOption> serve_options();

}  // namespace sluice
