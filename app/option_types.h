// Options that are written as a size or a duration: parsed and checked by CLI11's own mechanism,
// shown with their default. And the functions that give each command its options; the objects that
// they fill must live until the command line is parsed.
#pragma once

#include <CLI/CLI.hpp>
#include <limits>
#include <string>

#include "app/units.h"

namespace sluice {

struct BenchOptions;
struct CompareOptions;
struct ServeOptions;
struct WireOptions;

CLI::App* add_bench(CLI::App& app, BenchOptions& options);
CLI::App* add_compare(CLI::App& app, CompareOptions& options);
CLI::App* add_serve(CLI::App& app, ServeOptions& options);
CLI::App* add_wire(CLI::App& app, WireOptions& options);

template <typename T>
void add_size(CLI::App& app, const char* name, T& value, const char* help) {
    app.add_option_function<std::string>(
           name,
           [&value, name](const std::string& text) {
               auto size = parse_size(text);
               if (!size || *size > std::numeric_limits<T>::max()) {
                   throw CLI::ValidationError(name, size ? "too large" : size.error().what);
               }
               value = static_cast<T>(*size);
           },
           help)
        ->type_name("SIZE")
        ->default_str(size_text(value));
}

inline void add_duration(CLI::App& app, const char* name, Nanos& value, const char* help) {
    app.add_option_function<std::string>(
           name,
           [&value, name](const std::string& text) {
               auto duration = parse_duration(text);
               if (!duration) {
                   throw CLI::ValidationError(name, duration.error().what);
               }
               value = *duration;
           },
           help)
        ->type_name("TIME")
        ->default_str(duration_text(value));
}

}  // namespace sluice
