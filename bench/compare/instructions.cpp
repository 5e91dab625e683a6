// Instructions per request, outside of the kernel, by callgrind (valgrind(1)): the server runs
// under it, and what it executes between two commands of callgrind_control(1) is that of the
// requests. Exact where times are not: two counts differ by less than two per cent, which is in how
// many requests a turn of the server finds.
#include <fmt/format.h>

#include <charconv>
#include <filesystem>

#include "bench/compare/stage.h"
#include "system/path.h"

namespace sluice::compare {

namespace {

constexpr std::uint64_t kRequests = 2000;
constexpr std::uint64_t kRequestsLarge = 100;
constexpr Nanos kAllRequests = 60 * kSecond;  // at most for all of them
constexpr Nanos kControl = 20 * kSecond;      // for a command

// A server under callgrind, and the program that speaks to it. What both leave behind is in
// `folder`.
struct Callgrind {
    std::string valgrind = find_program("valgrind");
    std::string control = find_program("callgrind_control");
    std::string folder;

    [[nodiscard]] std::string out() const { return folder + "/callgrind.out"; }
    [[nodiscard]] std::string environment() const { return "TMPDIR=" + folder; }

    [[nodiscard]] Command wrap(Command command) const {
        // The link /proc/self/exe would lead to valgrind.
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

Result<void> ask_for(std::uint64_t requests, const Stage& stage, const Load& load) {
    auto plan = plan_of(load);
    if (!plan) {
        return std::unexpected(plan.error());
    }
    plan->connections = 1;
    plan->warmup = 0;
    plan->duration = plan->timeout = kAllRequests;
    plan->requests_max = requests;
    plan->backends = stage.options.backends;
    plan->stop = stage.options.stop;
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

Result<double> count_instructions(const Stage& stage, const Scenario& scenario,
                                  const Contender& contender) {
    const Callgrind callgrind{.folder = stage.workspace.folder() + "/callgrind"};
    std::error_code error;
    std::filesystem::remove_all(to_path(callgrind.folder), error);
    std::filesystem::create_directory(to_path(callgrind.folder), error);
    if (callgrind.valgrind.empty() || callgrind.control.empty()) {
        return fail(Status::not_found, "valgrind is not installed");
    }
    ServerKind wrapped = *contender.server;
    wrapped.launch = [&](const Duty& duty) -> Result<Command> {
        auto command = contender.server->launch(duty);
        return command ? callgrind.wrap(std::move(*command)) : command;
    };
    auto server = start_server(stage, {&wrapped, contender.setting}, "counted");
    auto load = server ? load_of(stage, scenario, contender, server->port)
                       : std::unexpected(server.error());
    Result<void> done = load ? callgrind.tell(server->process, "-z", stage.server_cpu)
                             : std::unexpected(load.error());
    const std::uint64_t requests = scenario.large() ? kRequestsLarge : kRequests;
    if (done) {
        done = ask_for(requests, stage, *load);
    }
    if (done) {
        done = callgrind.tell(server->process, "-d", stage.server_cpu);
    }
    if (!done) {
        return std::unexpected(done.error());
    }
    const double total = callgrind.total();
    return total > 0 ? Result<double>(total / static_cast<double>(requests))
                     : fail(Status::io_error, "callgrind left no count behind");
}

}  // namespace sluice::compare
