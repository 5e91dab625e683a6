// The options of `sluice compare`.
#include "app/compare.h"
#include "app/option_types.h"
#include "bench/compare/scenario.h"
#include "bench/compare/servers.h"

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
    add_parsed<double>(
        app, "--noise", noise, "SHARE",
        [](const std::string& text) -> Result<double> {
            char* end = nullptr;
            const double value = std::strtod(text.c_str(), &end);
            const std::string unit = end;
            if (end == text.c_str() || (!unit.empty() && unit != "%") || !(value >= 0)) {
                return fail(Status::io_error,
                            "'" + text + "': expected a share such as 2% or 0.02");
            }
            return unit.empty() ? value : value / 100;
        },
        "Differences up to this are never claimed: 0, and 5% with --against");
}

void add_compare_reports(CLI::App* compare, CompareOptions& options) {
    compare->add_flag("-q,--quiet", options.quiet, "No line that tells what is being measured");
    compare->add_flag("--markdown", options.markdown,
                      "Print one Markdown table instead of a table for each scenario");
    add_name(*compare, "--json", options.json_path, "FILE",
             "Write the result as JSON; - is standard output");
    add_name(*compare, "--html", options.html_path, "FILE",
             "Write one page with plots; - is standard output");
    add_name(
        *compare, "--against", options.against_path, "FILE",
        "Compare with the JSON of an earlier run; exit code 4 when something is slower than it "
        "was");
}

}  // namespace

CLI::App* add_compare(CLI::App& app, CompareOptions& options) {
    CLI::App* compare = app.add_subcommand(
        "compare", "Compare the backends, the floor and other servers that are installed");
    compare
        ->add_option("--only", options.scenarios,
                     "These scenarios: page, browser, logo, large, pipelined, churn, conditional, "
                     "missing, files, logged, connections, tree, memory, start, start-tree, border")
        ->type_name("SCENARIO")
        ->check(
            checked_by([](const std::string& text) { return compare::choose_scenarios({text}); }));
    compare
        ->add_option("--servers", options.servers,
                     "These servers: sluice (" + backends() +
                         "), nginx, lighttpd, h2o, apache2, caddy; the floor comes along unless "
                         "--baseline is another")
        ->type_name("SERVER")
        ->check(checked_by(compare::servers_named));
    compare
        ->add_option("--baseline", options.baseline,
                     "What the others are compared with; the floor unless given, or where there is "
                     "none the first server")
        ->type_name("SERVER")
        ->check(checked_by(compare::one_server));
    add_number(*compare, "--rounds", options.rounds, 1, 10'000,
               "Restarts of the servers; of fewer than six nothing is claimed");
    add_duration(*compare, "--duration", options.duration,
                 "Measured time of each server in each of them");
    add_choice<std::string>(*compare, "--priority", options.priority,
                            {{"auto", "auto"},
                             {"real-time", "real-time"},
                             {"raised", "raised"},
                             {"ordinary", "ordinary"}},
                            "Of servers and generator; auto is the highest that is allowed");
    add_choice<std::string>(*compare, "--generator", options.generator,
                            {{"sluice", "sluice"}, {"wrk", "wrk"}}, "What makes the load");
    add_number(*compare, "--aa", options.self_trials, 1, 100'000,
               "So many trials of the first server against itself, which must be told apart in "
               "about 5 of 100 at most; gives the noise floor")
        ->default_str("");
    add_parsed<Nanos>(
        *compare, "--aa-spin", options.spin, "TIME",
        [](const std::string& text) { return parse_duration(text); },
        "With --aa: a null server, and the same with so much work more for each answer, which "
        "must be found in 9 of 10 trials");
    compare->add_flag("--instructions", options.instructions,
                      "Also count instructions per request of our backends, by callgrind");
    add_noise(*compare, options.noise);
    add_compare_reports(compare, options);
    return compare;
}

}  // namespace sluice
