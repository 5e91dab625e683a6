// The options of `sluice serve` on the command line, as serve/options describes them.
#include "serve/options.h"

#include <string>
#include <utility>
#include <vector>

#include "app/option_types.h"

namespace sluice {

namespace {

void set(const ServeOption& option, ServeConfig& config, const std::vector<std::string>& texts) {
    if (auto done = option.set(config, texts); !done) {
        throw CLI::ValidationError("--" + std::string(option.name), done.error().what);
    }
}

CLI::Option* add_switch(CLI::App& app, const ServeOption& option, ServeConfig& config) {
    const bool on = option.get(config).front() == "true";
    return app.add_flag_callback(
        (on ? "--no-" : "--") + std::string(option.name),
        [&option, &config, on] { set(option, config, {on ? "false" : "true"}); }, option.help);
}

CLI::Option* add_value(CLI::App& app, const ServeOption& option, ServeConfig& config) {
    CLI::Option* added = app.add_option_function<std::vector<std::string>>(
        "--" + std::string(option.name),
        [&option, &config](const std::vector<std::string>& texts) { set(option, config, texts); },
        option.help);
    added->type_name(std::string(option.type))->allow_extra_args(false);
    const std::vector<std::string> shown = option.get(config);
    if (option.is_list) {
        added->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        if (!shown.empty()) {
            added->default_str("[" + CLI::detail::join(shown) + "]");
        }
    } else {
        added->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::Throw);
        if (!shown.empty()) {
            added->default_str(shown.front());
        }
    }
    return added;
}

}  // namespace

CLI::App* add_serve(CLI::App& app, ServeConfig& config) {
    CLI::App* serve = app.add_subcommand("serve", "Serve a directory over HTTP");
    add_name(*serve, "ROOT", config.root, "DIR", "Directory to serve")->default_str(config.root);
    for (const ServeOption& option : serve_options()) {
        CLI::Option* added = option.type.empty() ? add_switch(*serve, option, config)
                                                 : add_value(*serve, option, config);
        if (!option.group.empty()) {
            added->group(std::string(option.group));
        }
    }
    return serve;
}

}  // namespace sluice
