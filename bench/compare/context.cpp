#include "bench/compare/stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "bench/compare/client.h"
#include "bench/load/system.h"
#include "system/path.h"

namespace sluice::compare {

namespace {

constexpr unsigned kPortsTried = 3;

Result<Duty> duty_of(const Stage& stage, const Contender& contender, const std::string& folder) {
    auto port = free_port();
    auto root = stage.workspace.root(contender.setting.root);
    if (!port || !root) {
        return std::unexpected(port ? root.error() : port.error());
    }
    Duty duty{.port = *port,
              .root = *root,
              .work = stage.workspace.folder() + "/" + folder,
              .log = {},
              .arguments = contender.setting.arguments};
    std::error_code error;
    // Whatever an earlier process of the same place has left is not this one's.
    std::filesystem::remove_all(to_path(duty.work), error);
    std::filesystem::create_directories(to_path(duty.work), error);
    if (error) {
        return fail(Status::io_error, duty.work + ": " + error.message());
    }
    if (contender.setting.log) {
        duty.log = duty.work + "/access.log";
    }
    return duty;
}

}  // namespace

Result<Running> start_server(const Stage& stage, const Contender& contender,
                             const std::string& folder, const Look& look) {
    for (unsigned tried = 1;; ++tried) {
        auto duty = duty_of(stage, contender, folder);
        if (!duty) {
            return std::unexpected(duty.error());
        }
        auto command = contender.server->launch(*duty);
        if (!command) {
            return std::unexpected(command.error());
        }
        const Nanos began = load::monotonic_now();
        auto process =
            Process::start(*command, stage.server_cpu, duty->work + "/server.out", stage.priority);
        if (!process) {
            return std::unexpected(process.error());
        }
        Result<void> fine = wait_ready(duty->port, *process);
        if (fine && look) {
            fine = look(duty->port, began);
        }
        if (process->listens_at(duty->port)) {
            if (!fine) {
                return std::unexpected(fine.error());
            }
            return Running{std::move(*process), duty->port};
        }
        // Nobody listens, or somebody else does.
        if (load::find_server(loopback(duty->port)).pids.empty() || tried == kPortsTried) {
            return fine ? fail(Status::io_error,
                               fmt::format("who listens at its port {} is another program",
                                           duty->port))
                        : std::unexpected(fine.error());
        }
    }
}

// Asks once and looks at the answer; returns its validator.
Result<std::string> check_answer(const Stage& stage, const Scenario& scenario,
                                 const Contender& contender, std::uint16_t port) {
    auto root = stage.workspace.root(contender.setting.root);
    if (!root) {
        return std::unexpected(root.error());
    }
    const std::string path = scenario.many > 0 ? file_path(7) : scenario.path;
    std::vector<std::string> fields = scenario.fields;
    std::string etag;
    if (scenario.revalidate) {
        auto first = ask(port, path);
        if (!first || first->etag.empty()) {
            return fail(Status::io_error, first ? "it gives no ETag" : first.error().what);
        }
        etag = first->etag;
        fields.push_back("If-None-Match: " + etag);
    }
    auto answer = ask(port, path, fields);
    if (!answer) {
        return std::unexpected(answer.error());
    }
    if (answer->status != scenario.status) {
        return fail(Status::io_error,
                    fmt::format("status {}, not {}", answer->status, scenario.status));
    }
    if (scenario.status == 200) {
        const auto file = read_file(*root + (path == "/" ? "/index.html" : path));
        if (!file || answer->body != *file) {
            return fail(Status::io_error, fmt::format("{} bytes that are not those of the file",
                                                      answer->body.size()));
        }
    }
    return etag;
}

Result<Load> load_of(const Stage& stage, const Scenario& scenario, const Contender& contender,
                     std::uint16_t port) {
    Load load{.port = port, .paths = {}, .fields = scenario.fields};
    load.connections = contender.setting.connections;
    load.pipeline = scenario.pipeline;
    load.churn = scenario.churn;
    load.status = contender.server->floor ? 200 : scenario.status;
    load.body_bytes = scenario.body_bytes;
    load.duration = stage.options.duration;
    for (unsigned i = 0; i < std::max(1U, scenario.many); ++i) {
        load.paths.push_back(scenario.many > 0 ? file_path(i) : scenario.path);
    }
    if (!contender.server->floor) {
        auto etag = check_answer(stage, scenario, contender, port);
        if (!etag) {
            return std::unexpected(etag.error());
        }
        if (!etag->empty()) {
            load.fields.push_back("If-None-Match: " + *etag);
        }
    }
    return load;
}

std::vector<Entry> entries_of(const std::vector<Contender>& contenders) {
    std::vector<Entry> entries;
    entries.reserve(contenders.size());
    for (const Contender& one : contenders) {
        entries.push_back({.name = one.server->name,
                           .base = one.base,
                           .floor = one.server->floor,
                           .reference = one.server->reference});
    }
    return entries;
}

void take(Measured measured, Block& block, Entry& entry) {
    block.cost = measured.cpu_ns;
    block.rate = measured.rate;
    block.answers = measured.answers;
    block.p50 = measured.p50;
    block.p99 = measured.p99;
    block.p999 = measured.p999;
    block.flaw = std::move(measured.flaw);
    if (block.flaw.empty() && measured.response) {
        entry.response.merge(*measured.response);
    }
    if (measured.connect) {
        entry.connect.merge(*measured.connect);
    }
}

}  // namespace sluice::compare
