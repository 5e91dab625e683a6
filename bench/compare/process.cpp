#include "bench/compare/process.h"

#include <cctype>

#include "bench/compare/workspace.h"
#include "bench/load/system.h"

namespace sluice::compare {

std::string Process::output() const {
    return read_file(output_path_).value_or("");
}

std::string Process::last_words() const {
    std::string text = output();
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
        text.pop_back();
    }
    const std::size_t line = text.rfind('\n');
    return line == std::string::npos ? text : text.substr(line + 1);
}

Nanos Process::cpu() const {
    return load::cpu_of(process_tree(pid_)).value_or(0);
}

}  // namespace sluice::compare
