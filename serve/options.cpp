#include "serve/options.h"

#include <limits>
#include <utility>
#include <vector>

#include "backends/registry.h"
#include "core/endpoint.h"
#include "core/units.h"

namespace sluice {

namespace {

using Texts = std::span<const std::string>;

constexpr std::string_view kLimits = "Limits";
constexpr std::uint64_t kConnectionsMax = 1'000'000;
constexpr std::uint64_t kFieldsMax = 100'000;

// A member of the configuration or of its limits; either may be const.
template <typename Config, typename T>
auto& at(Config& config, T ServeConfig::*member) {
    return config.*member;
}
template <typename Config, typename T>
auto& at(Config& config, T Limits::*member) {
    return config.limits.*member;
}

// An option with one value, a member of the configuration or of its limits; `parse` and `text`
// convert it from and to text. An empty text is not shown.
template <typename Owner, typename T, typename Parse, typename Text>
ServeOption one(std::string_view name, std::string_view type, std::string_view help,
                T Owner::*member, const Parse& parse, const Text& text) {
    return {.name = name,
            .type = type,
            .help = std::string(help),
            .set = [member, parse](ServeConfig& config, Texts texts) -> Result<void> {
                auto value = parse(texts.back());
                if (!value) {
                    return std::unexpected(std::move(value.error()));
                }
                at(config, member) = std::move(*value);
                return {};
            },
            .get = [member, text](const ServeConfig& config) -> std::vector<std::string> {
                std::string shown = text(at(config, member));
                return shown.empty() ? std::vector<std::string>{}
                                     : std::vector<std::string>{std::move(shown)};
            }};
}

template <typename Owner, typename T>
ServeOption size(std::string_view name, T Owner::*member, std::string_view help) {
    return one(
        name, "SIZE", help, member,
        [](const std::string& text) -> Result<T> {
            const auto bytes = parse_size(text);
            if (!bytes) {
                return std::unexpected(bytes.error());
            }
            if (*bytes > std::numeric_limits<T>::max()) {
                return fail(Status::io_error, "'" + text + "' is too large");
            }
            return static_cast<T>(*bytes);
        },
        [](T bytes) { return size_text(bytes); });
}

template <typename Owner, typename T>
ServeOption number(std::string_view name, T Owner::*member, std::uint64_t low, std::uint64_t high,
                   std::string_view help) {
    return one(
        name, "N", help, member,
        [low, high](const std::string& text) { return parse_number_as<T>(text, low, high); },
        [](T value) { return std::to_string(value); });
}

ServeOption duration(std::string_view name, Nanos Limits::*member, std::string_view help) {
    return one(
        name, "TIME", help, member, [](const std::string& text) { return parse_duration(text); },
        [](Nanos time) { return duration_text(time); });
}

template <typename T>
ServeOption choice(std::string_view name, T ServeConfig::*member, const Choices<T>& choices,
                   std::string_view help) {
    return one(
        name, "NAME", std::string(help) + ": " + names_of(choices), member,
        [choices](const std::string& text) { return parse_choice(text, choices); },
        [choices](const T& value) { return choice_text(value, choices); });
}

ServeOption a_switch(std::string_view name, bool ServeConfig::*member, std::string_view help) {
    const Choices<bool> choices = {{"true", true}, {"false", false}};
    return one(
        name, "", help, member,
        [choices](const std::string& text) { return parse_choice(text, choices); },
        [choices](bool on) { return choice_text(on, choices); });
}

ServeOption listen() {
    return {.name = "listen",
            .type = "ADDR",
            .help =
                "Address: HOST:PORT, [IPv6]:PORT, PORT (every address of this machine: open to "
                "the whole network) or unix:PATH; may be given several times",
            .is_list = true,
            .set = [](ServeConfig& config, Texts texts) -> Result<void> {
                for (const std::string& text : texts) {
                    if (auto endpoint = Endpoint::parse(text); !endpoint) {
                        return std::unexpected(std::move(endpoint.error()));
                    }
                }
                config.listen.assign(texts.begin(), texts.end());
                return {};
            },
            .get = [](const ServeConfig& config) { return config.listen; }};
}

ServeOption mime() {
    return {.name = "mime",
            .type = "EXT=TYPE",
            .help = "Content-Type of files with this extension; may be given several times",
            .is_list = true,
            .set = [](ServeConfig& config, Texts texts) -> Result<void> {
                std::vector<http::MimeRule> rules;
                for (const std::string& text : texts) {
                    auto rule = http::parse_mime_rule(text);
                    if (!rule) {
                        return std::unexpected(std::move(rule.error()));
                    }
                    rules.push_back(std::move(*rule));
                }
                config.mime = std::move(rules);
                return {};
            },
            .get =
                [](const ServeConfig& config) {
                    std::vector<std::string> texts;
                    texts.reserve(config.mime.size());
                    for (const http::MimeRule& rule : config.mime) {
                        texts.push_back(rule.extension + "=" + rule.type);
                    }
                    return texts;
                }};
}

ServeOption access_log() {
    return one("access-log", "FILE",
               "File for the access log, or - for standard output; none by default",
               &ServeConfig::access_log, parse_name, [](const std::string& path) { return path; });
}

ServeOption backend() {
    return choice("backend", &ServeConfig::backend, choices_of(backend_names()),
                  "Way of talking to the system");
}

std::vector<ServeOption> limits() {
    std::vector<ServeOption> options = {
        size("request-line-max", &Limits::request_line_bytes, "Longer request line: 414"),
        size("head-max", &Limits::head_bytes, "Longer request head: 431"),
        number("fields-max", &Limits::fields, 1, kFieldsMax, "More header fields: 431"),
        size("body-max", &Limits::body_bytes, "Longer request body: 413"),
        number("connections", &Limits::connections_per_worker, 1, kConnectionsMax,
               "At once for each worker; then the longest idle give way"),
        number("connections-per-client", &Limits::connections_per_client, 0, kConnectionsMax,
               "From one IPv4 address or IPv6 /64 at once; 0: as many as they like"),
        duration("head-timeout", &Limits::head_timeout,
                 "For a whole request head, from accept or its first byte: 408"),
        duration("body-timeout", &Limits::body_timeout, "For a whole request body: 408"),
        duration("idle-timeout", &Limits::idle_timeout, "Between requests"),
        duration("write-timeout", &Limits::write_timeout,
                 "Without a single byte that a slow reader acknowledges"),
        duration("linger-timeout", &Limits::linger_timeout,
                 "Reading on after the last response before closing"),
        size("linger-max", &Limits::linger_bytes, "And so many bytes"),
        duration("drain-timeout", &Limits::drain_timeout,
                 "From SIGTERM to the end of the last response"),
    };
    for (ServeOption& option : options) {
        option.group = kLimits;
    }
    return options;
}

std::vector<ServeOption> all() {
    std::vector<ServeOption> options = {
        listen(),
        backend(),
        number("workers", &ServeConfig::workers, 0, kWorkersMax,
               "Threads; 0: one for each usable CPU"),
        a_switch("pin", &ServeConfig::pin, "Do not tie each worker to one CPU"),
        a_switch("follow-symlinks", &ServeConfig::follow_links,
                 "Serve what links lead to outside of the directory, too"),
        size("memory-budget", &ServeConfig::memory_budget_bytes,
             "Files are kept in memory up to this much; the rest is sent from disk"),
        size("memory-send-max", &ServeConfig::memory_send_max_bytes,
             "Bodies up to this size are sent from memory, larger ones by sendfile"),
        mime(),
        access_log(),
        choice<http::LogFormat>("log-format", &ServeConfig::log_format,
                                {{"common", http::LogFormat::common},
                                 {"combined", http::LogFormat::combined},
                                 {"json", http::LogFormat::json}},
                                "Format of its lines"),
        a_switch("server-timing", &ServeConfig::server_timing,
                 "Tell in the first answer on a connection how long that waited to be accepted "
                 "(Server-Timing: accept)"),
    };
    for (ServeOption& option : limits()) {
        options.push_back(std::move(option));
    }
    return options;
}

}  // namespace

std::span<const ServeOption> serve_options() {
    static const std::vector<ServeOption> options = all();
    return options;
}

}  // namespace sluice
