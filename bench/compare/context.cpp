#include "bench/compare/context.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "bench/compare/client.h"
#include "bench/load/system.h"
#include "system/path.h"

namespace sluice::compare {

namespace {

constexpr unsigned kPortsTried = 3;

Result<LaunchOptions> launch_options(const Context& context, const Variant& variant,
                                     const std::string& folder) {
    auto port = free_port();
    auto root = context.workspace.root(variant.parameters.root);
    if (!port || !root) {
        return std::unexpected(port ? root.error() : port.error());
    }
    LaunchOptions options{.port = *port,
                          .root = *root,
                          .work = context.workspace.folder() + "/" + folder,
                          .log = {},
                          .arguments = variant.parameters.arguments};
    std::error_code error;
    // An earlier process may have left files in this folder.
    std::filesystem::remove_all(to_path(options.work), error);
    std::filesystem::create_directories(to_path(options.work), error);
    if (error) {
        return fail(Status::io_error, options.work + ": " + error.message());
    }
    if (variant.parameters.log) {
        options.log = options.work + "/access.log";
    }
    return options;
}

}  // namespace

Result<Running> start_server(const Context& context, const Variant& variant,
                             const std::string& folder, const OnListening& on_listening) {
    for (unsigned tried = 1;; ++tried) {
        auto options = launch_options(context, variant, folder);
        if (!options) {
            return std::unexpected(options.error());
        }
        auto command = variant.server->launch(*options);
        if (!command) {
            return std::unexpected(command.error());
        }
        const Nanos began = load::monotonic_now();
        auto process = Process::start(*command, context.server_cpu, options->work + "/server.out",
                                      context.priority);
        if (!process) {
            return std::unexpected(process.error());
        }
        Result<void> fine = wait_ready(options->port, *process);
        if (fine && on_listening) {
            fine = on_listening(options->port, began);
        }
        if (process->listens_at(options->port)) {
            if (!fine) {
                return std::unexpected(fine.error());
            }
            return Running{std::move(*process), options->port};
        }
        // Nobody listens, or somebody else does.
        if (load::find_server(loopback(options->port)).pids.empty() || tried == kPortsTried) {
            return fine ? fail(Status::io_error,
                               fmt::format("who listens at its port {} is another program",
                                           options->port))
                        : std::unexpected(fine.error());
        }
    }
}

Result<std::string> check_answer(const Context& context, const Scenario& scenario,
                                 const Variant& variant, std::uint16_t port) {
    auto root = context.workspace.root(variant.parameters.root);
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

Result<Load> load_of(const Context& context, const Scenario& scenario, const Variant& variant,
                     std::uint16_t port) {
    Load load{.port = port, .paths = {}, .fields = scenario.fields};
    load.connections = variant.parameters.connections;
    load.pipeline = scenario.pipeline;
    load.churn = scenario.churn;
    load.status = variant.server->floor ? 200 : scenario.status;
    load.body_bytes = scenario.body_bytes;
    load.duration = context.options.duration;
    for (unsigned i = 0; i < std::max(1U, scenario.many); ++i) {
        load.paths.push_back(scenario.many > 0 ? file_path(i) : scenario.path);
    }
    if (!variant.server->floor) {
        auto etag = check_answer(context, scenario, variant, port);
        if (!etag) {
            return std::unexpected(etag.error());
        }
        if (!etag->empty()) {
            load.fields.push_back("If-None-Match: " + *etag);
        }
    }
    return load;
}

std::vector<Entry> entries_of(const std::vector<Variant>& variants) {
    std::vector<Entry> entries;
    entries.reserve(variants.size());
    for (const Variant& one : variants) {
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
