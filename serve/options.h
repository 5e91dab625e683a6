// The options of a service, each described once: its name (a flag of the command line with two
// dashes, a key of the configuration file without), its type, its help, and how a text becomes its
// value. Command line, file, help and manual are made from these.
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
    std::string_view type;  // of its value, as in --help: "SIZE"; empty: a switch
    // What it does, in one line. A switch that is on by default is the flag --no-NAME, and this
    // text describes that flag.
    std::string help;
    bool is_list = false;    // may be given several times; an array in the file
    std::string_view group;  // its heading in --help; empty: the general one

    // Sets the values, replacing the old ones; only a list may have several. A switch has "true" or
    // "false". An error says what is wrong with the value, not which option it is.
    std::function<Result<void>(ServeConfig&, std::span<const std::string>)> set;
    // The value as texts that would set it; none when it has none.
    std::function<std::vector<std::string>(const ServeConfig&)> get;
};

// All except the root, in the order of --help.
[[nodiscard]] std::span<const ServeOption> serve_options();

}  // namespace sluice
