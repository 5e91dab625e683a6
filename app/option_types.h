// Kinds of options, parsed and checked by CLI11's own mechanism and shown with their default; the
// error for an invalid value names valid ones. And the functions that add each command's options;
// the objects that these fill must live until the command line is parsed.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "backends/registry.h"
#include "core/units.h"

namespace sluice {

struct BenchOptions;
struct CompareOptions;
struct ServeConfig;
struct WireOptions;

CLI::App* add_bench(CLI::App& app, BenchOptions& options);
CLI::App* add_compare(CLI::App& app, CompareOptions& options);
CLI::App* add_serve(CLI::App& app, ServeConfig& options);
CLI::App* add_wire(CLI::App& app, WireOptions& options);

// An option whose text `parse` converts to the value, or rejects with a reason.
template <typename T>
CLI::Option* add_parsed(CLI::App& app, const char* name, T& value, const char* type,
                        std::function<Result<T>(const std::string&)> parse,
                        const std::string& help) {
    return app
        .add_option_function<std::string>(
            name,
            [&value, name, parse = std::move(parse)](const std::string& text) {
                auto parsed = parse(text);
                if (!parsed) {
                    throw CLI::ValidationError(name, parsed.error().what);
                }
                value = std::move(*parsed);
            },
            help)
        ->type_name(type);
}

inline constexpr std::uint64_t kNumberMax = std::numeric_limits<std::uint64_t>::max();

template <typename T>
CLI::Option* add_number(CLI::App& app, const char* name, T& value, std::uint64_t low,
                        std::uint64_t high, const char* help) {
    return add_parsed<T>(
               app, name, value, "N",
               [low, high](const std::string& text) { return parse_number_as<T>(text, low, high); },
               help)
        ->default_str(std::to_string(value));
}

inline void add_duration(CLI::App& app, const char* name, Nanos& value, const char* help) {
    add_parsed<Nanos>(
        app, name, value, "TIME", [](const std::string& text) { return parse_duration(text); },
        help)
        ->default_str(duration_text(value));
}

inline void add_rate(CLI::App& app, const char* name, double& value, const char* help) {
    add_parsed<double>(
        app, name, value, "R", [](const std::string& text) { return parse_rate(text); }, help);
}

// One of a few names.
template <typename T>
void add_choice(CLI::App& app, const char* name, T& value, const Choices<T>& choices,
                const std::string& help) {
    add_parsed<T>(
        app, name, value, "NAME",
        [choices](const std::string& text) { return parse_choice(text, choices); },
        help + ": " + names_of(choices))
        ->default_str(choice_text(value, choices));
}

inline CLI::Option* add_name(CLI::App& app, const char* name, std::string& value, const char* type,
                             const char* help) {
    return add_parsed<std::string>(app, name, value, type, parse_name, help);
}

inline void add_backend(CLI::App& app, std::string& value) {
    add_choice(app, "--backend", value, choices_of(backend_names()),
               "Way of talking to the system");
}

// For options that may be given several times: a CLI11 check that uses our parser.
template <typename Parse>
std::function<std::string(const std::string&)> checked_by(Parse parse) {
    return [parse](const std::string& text) {
        auto parsed = parse(text);
        return parsed ? std::string{} : parsed.error().what;
    };
}

}  // namespace sluice
