// User-space instructions per request, counted by callgrind (valgrind(1)): the server runs under
// it, and two commands of callgrind_control(1) mark the beginning and the end of the requests.
// Steadier than times: two counts differ by less than two per cent, because an iteration of the
// server's loop finds more or fewer requests.
#include <fmt/format.h>

#include <charconv>
#include <filesystem>

#include "bench/compare/context.h"
#include "system/path.h"

namespace sluice::compare {

namespace {

constexpr std::uint64_t kRequests = 2000;
constexpr std::uint64_t kRequestsLarge = 100;
constexpr Nanos kAllRequests = 60 * kSecond;  // at most for all of them
constexpr Nanos kControl = 20 * kSecond;      // for a command

// callgrind and the program that controls it. Their files are in `folder`.
struct Callgrind {
    std::string valgrind = find_program("valgrind");
    std::string control = find_program("callgrind_control");
    std::string folder;

    [[nodiscard]] std::string out() const { return folder + "/callgrind.out"; }
    [[nodiscard]] std::string environment() const { return "TMPDIR=" + folder; }

    [[nodiscard]] Command wrap(Command command) const {
        // Under valgrind the link /proc/self/exe leads to valgrind.
        std::error_code ignored;
        const auto program = std::filesystem::canonical(to_path(command.program), ignored);
        command.arguments.insert(
            command.arguments.begin(),
            {"--tool=callgrind", "--callgrind-out-file=" + out(), program.string()});
        command.program = valgrind;
        command.environment.push_back(environment());
        return command;
    }

    [[nodiscard]] Result<void> tell(const Process& server, const char* what, int cpu) const {
        auto process =
            Process::start({control, {what, std::to_string(server.pid())}, {environment()}}, cpu,
                           folder + "/control.out");
        if (!process || !process->wait(kControl) ||
            process->output().find("OK.") == std::string::npos) {
            return fail(Status::io_error, "callgrind does not listen");
        }
        return {};
    }

    // Of the first dump: "totals: 1234".
    [[nodiscard]] double total() const {
        const std::string text = read_file(out() + ".1").value_or("");
        const std::string word = "totals: ";
        const std::size_t at = text.rfind(word);
        double total = 0;
        if (at != std::string::npos) {
            std::from_chars(text.data() + at + word.size(), text.data() + text.size(), total);
        }
        return total;
    }
};

Result<void> ask_for(std::uint64_t requests, const Context& context, const Load& load) {
    auto plan = plan_of(load);
    if (!plan) {
        return std::unexpected(plan.error());
    }
    plan->connections = 1;
    plan->warmup = 0;
    plan->duration = plan->timeout = kAllRequests;
    plan->requests_max = requests;
    plan->backends = context.options.backends;
    plan->stop = context.options.stop;
    auto outcome = load::run(*plan);
    if (!outcome) {
        return std::unexpected(outcome.error());
    }
    if (outcome->total.answers() != requests) {
        return fail(Status::io_error, fmt::format("{} of {} requests were answered",
                                                  outcome->total.answers(), requests));
    }
    return {};
}

}  // namespace

Result<double> count_instructions(const Context& context, const Scenario& scenario,
                                  const Variant& variant) {
    const Callgrind callgrind{.folder = context.workspace.folder() + "/callgrind"};
    std::error_code error;
    std::filesystem::remove_all(to_path(callgrind.folder), error);
    std::filesystem::create_directory(to_path(callgrind.folder), error);
    if (callgrind.valgrind.empty() || callgrind.control.empty()) {
        return fail(Status::not_found, "valgrind is not installed");
    }
    ServerKind wrapped = *variant.server;
    wrapped.launch = [&](const LaunchOptions& options) -> Result<Command> {
        auto command = variant.server->launch(options);
        return command ? callgrind.wrap(std::move(*command)) : command;
    };
    auto server = start_server(context, {&wrapped, variant.parameters}, "counted");
    auto load = server ? load_of(context, scenario, variant, server->port)
                       : std::unexpected(server.error());
    Result<void> done = load ? callgrind.tell(server->process, "-z", context.server_cpu)
                             : std::unexpected(load.error());
    const std::uint64_t requests = scenario.large() ? kRequestsLarge : kRequests;
    if (done) {
        done = ask_for(requests, context, *load);
    }
    if (done) {
        done = callgrind.tell(server->process, "-d", context.server_cpu);
    }
    if (!done) {
        return std::unexpected(done.error());
    }
    const double total = callgrind.total();
    return total > 0 ? Result<double>(total / static_cast<double>(requests))
                     : fail(Status::io_error, "callgrind left no count behind");
}

}  // namespace sluice::compare
