// The command line before and after CLI11: abbreviations and names from other programs, and the
// messages about wrong words.
#pragma once

#include <string>
#include <vector>

#include "app/option_types.h"

namespace sluice {

// The arguments for CLI11. `arguments` begins with the program's name, as in main().
//   sluice DIR ...       becomes  sluice serve DIR ...
//   --churn 3            becomes  --churn=3: CLI11 could only take whatever follows, even the URL
[[nodiscard]] std::vector<std::string> written_out(std::vector<std::string> arguments,
                                                   const CLI::App& app);

// Fails when `root` is a file, and names its directory. Other errors are reported when it is
// opened.
[[nodiscard]] Result<void> expect_directory(const std::string& root);

// One line: why a command line was refused, what was probably meant, and where to read on.
[[nodiscard]] std::string usage_error(const CLI::App& app, const CLI::ParseError& error);

// The help of a command, or of all when `name` is empty; fails when there is no such command.
[[nodiscard]] Result<std::string> help_on(const CLI::App& app, const std::string& name);

}  // namespace sluice
