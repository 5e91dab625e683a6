// The command line before and after CLI11: what may be left out or is written otherwise elsewhere,
// and what is said of a wrong word.
#pragma once

#include <string>
#include <vector>

#include "app/option_types.h"

namespace sluice {

// What CLI11 is given. `arguments` begin with the program's name, as in main().
//   sluice DIR ...       is  sluice serve DIR ...
//   --churn 3            is  --churn=3: CLI11 could only take whatever follows, even the URL
[[nodiscard]] std::vector<std::string> written_out(std::vector<std::string> arguments,
                                                   const CLI::App& app);

// Fails where `root` is a file, and names its directory. Whatever else is wrong with it is told
// when it is opened.
[[nodiscard]] Result<void> expect_directory(const std::string& root);

// One line on why a command line was refused, what was meant, and where to read on.
[[nodiscard]] std::string usage_error(const CLI::App& app, const CLI::ParseError& error);

// The help of a command, or of all of them when `name` is empty; fails when there is none of it.
[[nodiscard]] Result<std::string> help_on(const CLI::App& app, const std::string& name);

}  // namespace sluice
