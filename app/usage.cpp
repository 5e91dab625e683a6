#include "app/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "app/nearest.h"
#include "system/path.h"

namespace sluice {

namespace {

// Names that other programs have for our options.
struct ForeignName {
    std::string_view command;
    std::string_view wrong;
    std::string_view right;
};
constexpr std::string_view kListen = "--listen";
constexpr std::string_view kRoot = "the directory without an option: sluice serve DIR";
constexpr auto kForeignNames = std::to_array<ForeignName>({
    {"serve", "--port", kListen},
    {"serve", "-p", kListen},
    {"serve", "-l", kListen},
    {"serve", "--host", kListen},
    {"serve", "--bind", kListen},
    {"serve", "-b", kListen},
    {"serve", "--address", kListen},
    {"serve", "--interface", kListen},
    {"serve", "--root", kRoot},
    {"serve", "--dir", kRoot},
    {"serve", "-d", kRoot},
    {"serve", "--directory", kRoot},
    {"serve", "--log", "--access-log"},
    {"serve", "--logfile", "--access-log"},
    {"serve", "--threads", "--workers"},
    {"serve", "-t", "--workers"},
    {"serve", "-w", "--workers"},
    {"serve", "--timeout", "--idle-timeout"},
    {"bench", "--workers", "--threads"},
    {"bench", "--concurrency", "--connections"},
    {"bench", "--time", "--duration"},
    {"bench", "--output", "--json"},
    {"bench", "--qps", "--rate"},
    {"compare", "--scenarios", "--only"},
    {"wire", "--interface", "--live"},
    {"wire", "-i", "--live"},
    {"wire", "--file", "FILE without an option: sluice wire FILE"},
    {"wire", "-r", "FILE without an option: sluice wire FILE"},
});

std::vector<std::string> commands_of(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        names.push_back(command->get_name());
    }
    return names;
}

// The long names, then the short ones.
std::vector<std::string> options_of(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_lnames()) {
            names.push_back("--" + name);
        }
    }
    for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_snames()) {
            names.push_back("-" + name);
        }
    }
    return names;
}

std::string meant(const std::string& name) {
    return name.empty() ? "" : "; did you mean " + name + "?";
}

std::string joined(const std::vector<std::string>& names) {
    std::string all;
    for (const std::string& name : names) {
        all += (all.empty() ? "" : ", ") + name;
    }
    return all;
}

const CLI::App* command_named(const CLI::App& app, const std::string& name) {
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        if (command->get_name() == name) {
            return command;
        }
    }
    return nullptr;
}

bool is_option(const std::string& text) {
    return text.size() > 1 && text.starts_with('-');
}

std::string unknown_option(const CLI::App& command, const std::string& text) {
    const std::string name = text.substr(0, text.find('='));
    std::vector<std::string> names = options_of(command);
    for (const ForeignName& one : kForeignNames) {
        if (one.command == command.get_name()) {
            names.emplace_back(one.wrong);
        }
    }
    std::string closest = nearest(name, names);
    for (const ForeignName& one : kForeignNames) {
        if (one.command == command.get_name() && one.wrong == closest) {
            closest = one.right;
        }
    }
    return fmt::format("sluice {} has no option {}{}", command.get_name(), name, meant(closest));
}

// An option in front of the command: says which command has it.
std::string option_of_none(const CLI::App& app, const std::string& text) {
    const std::string name = text.substr(0, text.find('='));
    for (const std::string& command : commands_of(app)) {
        const auto options = options_of(*command_named(app, command));
        if (std::ranges::find(options, name) != options.end()) {
            return fmt::format("{} stands behind a command: sluice {} {}", name, command, name);
        }
    }
    return fmt::format("there is no option {}{}", name, meant(nearest(name, options_of(app))));
}

std::string meant_command(const std::vector<std::string>& commands, const std::string& name) {
    const std::string closest = nearest(name, commands);
    return closest.empty() ? "; commands are " + joined(commands) : meant(closest);
}

std::string no_command(const CLI::App& app, const std::vector<std::string>& words) {
    const std::vector<std::string> commands = commands_of(app);
    if (words.empty()) {
        return fmt::format("name a directory to serve, or a command: {}", joined(commands));
    }
    return is_option(words[0]) ? option_of_none(app, words[0])
                               : fmt::format("'{}' is neither a command nor a directory{}",
                                             words[0], meant_command(commands, words[0]));
}

// For words that CLI11 could not place; an unknown option among them explains those behind it.
std::string left_over(const CLI::App& command, const std::vector<std::string>& words) {
    const auto option = std::ranges::find_if(words, is_option);
    return option != words.end() ? unknown_option(command, *option)
                                 : fmt::format("'{}' is one argument too many", words[0]);
}

// CLI11 counts arguments: "--workers: 1 required N missing".
std::string mismatch(const std::string& what) {
    const std::string name = what.substr(0, what.find_first_of(": "));
    if (what.find("flag override") != std::string::npos) {
        return "--" + name + " takes no value";
    }
    if (what.find("missing") != std::string::npos) {
        return name + " needs a value";
    }
    return what.find("At Most 1") != std::string::npos ? name + " is given more than once" : what;
}

}  // namespace

std::vector<std::string> written_out(std::vector<std::string> arguments, const CLI::App& app) {
    std::error_code error;
    if (arguments.size() > 1 && !arguments[1].starts_with('-') &&
        command_named(app, arguments[1]) == nullptr &&
        std::filesystem::exists(to_path(arguments[1]), error)) {
        arguments.insert(arguments.begin() + 1, "serve");
    }
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const std::string& text = arguments[i];
        const bool number =
            !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
        if (number && arguments[i - 1] == "--churn") {
            arguments[i - 1] += "=" + text;
            arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }
    return arguments;
}

Result<void> expect_directory(const std::string& root) {
    std::error_code error;
    const std::filesystem::path path = to_path(root);
    if (!std::filesystem::is_regular_file(path, error)) {
        return {};
    }
    return fail(Status::not_found,
                fmt::format("cannot serve '{}': it is a file; serve its directory: sluice serve {}",
                            root, path.has_parent_path() ? path.parent_path().string() : "."));
}

std::string usage_error(const CLI::App& app, const CLI::ParseError& error) {
    const std::vector<std::string> words = app.remaining(true);
    const auto parsed = app.get_subcommands();
    if (parsed.empty()) {
        return no_command(app, words) + " (see sluice --help)";
    }
    const CLI::App& command = *parsed[0];
    // Something is missing or left over; an unknown option explains either.
    const auto code = static_cast<CLI::ExitCodes>(error.get_exit_code());
    const bool unplaced =
        code == CLI::ExitCodes::ExtrasError || code == CLI::ExitCodes::RequiredError;
    const std::string why = unplaced && !words.empty()                 ? left_over(command, words)
                            : code == CLI::ExitCodes::ArgumentMismatch ? mismatch(error.what())
                                                                       : error.what();
    return fmt::format("{} (see sluice {} --help)", why, command.get_name());
}

Result<std::string> help_on(const CLI::App& app, const std::string& name) {
    const CLI::App* command = name.empty() ? &app : command_named(app, name);
    if (command == nullptr) {
        return fail(Status::not_found, fmt::format("there is no command '{}'{}", name,
                                                   meant_command(commands_of(app), name)));
    }
    // App::help() would give the help of the parsed command, which is `help` itself.
    const std::string title = name.empty() ? app.get_name() : app.get_name() + " " + name;
    return command->get_formatter()->make_help(command, title, CLI::AppFormatMode::Normal);
}

}  // namespace sluice
