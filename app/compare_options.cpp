// The options of `sluice compare`.
#include "app/compare.h"
#include "app/option_types.h"
#include "backends/registry.h"

namespace sluice {

namespace {

std::string backends() {
    std::string names;
    for (const std::string& name : backend_names()) {
        if (name != "auto") {
            names += (names.empty() ? "" : ", ") + name;
        }
    }
    return names;
}

// "2%" or "0.02".
void add_noise(CLI::App& app, double& noise) {
    app.add_option_function<std::string>(
           "--noise",
           [&noise](const std::string& text) {
               char* end = nullptr;
               const double value = std::strtod(text.c_str(), &end);
               const std::string unit = end;
               if (end == text.c_str() || (!unit.empty() && unit != "%") || !(value >= 0)) {
                   throw CLI::ValidationError("--noise", "expected a share such as 2% or 0.02");
               }
               noise = unit.empty() ? value : value / 100;
           },
           "Differences up to this are never claimed: 2%, and 5% with --against")
        ->type_name("SHARE");
}

void add_compare_reports(CLI::App* compare, CompareOptions& options) {
    compare->add_flag("-q,--quiet", options.quiet, "No line that tells what is being measured");
    compare->add_flag("--markdown", options.markdown,
                      "Print one Markdown table instead of a table for each scenario");
    compare->add_option("--json", options.json_path,
                        "Write the result as JSON; - is standard output");
    compare->add_option("--html", options.html_path, "Write one page with plots");
    compare
        ->add_option("--against", options.against_path,
                     "Compare with the JSON of an earlier run; exit code 4 when something is "
                     "slower than it was")
        ->type_name("FILE");
}

}  // namespace

CLI::App* add_compare(CLI::App& app, CompareOptions& options) {
    CLI::App* compare = app.add_subcommand(
        "compare", "Compare the backends, the floor and other servers that are installed");
    compare
        ->add_option("--only", options.scenarios,
                     "These scenarios: page, browser, logo, large, pipelined, churn, conditional, "
                     "missing, files, logged, connections, tree, memory, start, start-tree, border")
        ->type_name("SCENARIO");
    compare
        ->add_option("--servers", options.servers,
                     "These servers: sluice (" + backends() +
                         "), nginx, lighttpd, h2o, apache2, caddy; the floor comes along unless "
                         "--baseline is another")
        ->type_name("NAME");
    compare
        ->add_option("--baseline", options.baseline,
                     "What the others are compared with; the floor unless given, or where there is "
                     "none the first server")
        ->type_name("NAME");
    compare->add_option("--rounds", options.rounds, "Blocks of each server")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    add_duration(*compare, "--duration", options.duration, "Measured time of a block");
    compare->add_option("--generator", options.generator, "sluice or wrk")
        ->check(CLI::IsMember({"sluice", "wrk"}))
        ->capture_default_str();
    compare
        ->add_option("--aa", options.self_trials,
                     "So many trials of the first server against itself, which must be told apart "
                     "in at most 5 of 100; gives the noise floor")
        ->check(CLI::Range(1, 100'000))
        ->type_name("N");
    add_noise(*compare, options.noise);
    compare->add_option("--seed", options.seed, "Of the bootstrap")->capture_default_str();
    add_compare_reports(compare, options);
    return compare;
}

}  // namespace sluice
