// Commands that every system has.
#include "app/commands.h"

#include <memory>

#include "app/probe.h"
#include "app/serve.h"

namespace sluice {

Command add_serve_command(CLI::App& app) {
    const auto options = std::make_shared<ServeOptions>();
    return {add_serve(app, *options), [options] { return serve(*options); }};
}

Command add_probe_command(CLI::App& app) {
    return {app.add_subcommand("probe", "Say which backends this machine can run, and why"), probe};
}

}  // namespace sluice
