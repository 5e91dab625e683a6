// The options of `sluice wire`.
#include <map>

#include "app/option_types.h"
#include "app/wire.h"

namespace sluice {

CLI::App* add_wire(CLI::App& app, WireOptions& options) {
    CLI::App* command = app.add_subcommand("wire", "Explain a capture of TCP and HTTP");
    command->add_option("FILE", options.file, "A pcap or pcapng capture; - is standard input");
    command->add_option("--live", options.live, "Capture on this interface until Ctrl-C")
        ->type_name("IFACE");
    command->add_option("--port", options.port, "Only this TCP port (with --live)");
    command
        ->add_option_function<std::string>(
            "--lab",
            [&options](const std::string& root) {
                options.lab = true;
                options.lab_root = root.empty() ? options.lab_root : root;
            },
            "Serve ROOT (default: site) to a client in a private network, and explain that")
        ->expected(0, 1)
        ->type_name("[ROOT]");
    command->add_flag("--browser", options.browser, "With --lab: let Chromium fetch the page, too");
    command->add_option("--html", options.html, "Write the report as one HTML page")
        ->type_name("FILE");
    command->add_option("--markdown", options.markdown, "Write the report as Markdown")
        ->type_name("FILE");
    command->add_option("--pcapng", options.pcapng, "Write the capture with the notes as comments")
        ->type_name("FILE");
    command->add_option("--lang", options.language, "en or zh: language of notes")
        ->transform(CLI::CheckedTransformer(
            std::map<std::string, wire::Language>{{"en", wire::Language::en},
                                                  {"zh", wire::Language::zh}},
            CLI::ignore_case))
        ->default_str("en");
    command->add_flag("--json", options.json, "JSON Lines instead of the timeline");
    command->add_flag("--show-secrets", options.show_secrets,
                      "Print the values of Authorization and Cookie fields");
    return command;
}

}  // namespace sluice
