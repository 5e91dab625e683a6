// The options of `sluice wire`.
#include "app/option_types.h"
#include "app/wire.h"

namespace sluice {

CLI::App* add_wire(CLI::App& app, WireOptions& options) {
    CLI::App* command = app.add_subcommand("wire", "Explain a capture of TCP and HTTP");
    add_name(*command, "FILE", options.file, "FILE",
             "A pcap or pcapng capture; - is standard input");
    add_name(*command, "--live", options.live, "IFACE", "Capture on this interface until Ctrl-C");
    add_number(*command, "--port", options.port, 1, 65'535, "Only this TCP port (with --live)")
        ->default_str("");
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
    add_name(*command, "--html", options.html, "FILE", "Write the report as one HTML page");
    add_name(*command, "--markdown", options.markdown, "FILE", "Write the report as Markdown");
    add_name(*command, "--pcapng", options.pcapng, "FILE",
             "Write the capture with the notes as comments");
    add_choice<wire::Language>(*command, "--lang", options.language,
                               {{"en", wire::Language::en}, {"zh", wire::Language::zh}},
                               "Language of notes and reports");
    command->add_flag("--json", options.json, "JSON Lines instead of the timeline");
    command->add_flag("--show-secrets", options.show_secrets,
                      "Print the values of Authorization and Cookie fields");
    return command;
}

}  // namespace sluice
