#include "bench/compare/process.h"

#include <cctype>
#include <thread>

#include "bench/compare/workspace.h"
#include "bench/load/system.h"

namespace sluice::compare {

std::string Process::output() const {
    return read_file(output_path_).value_or("");
}

std::string Process::last_line() const {
    std::string text = output();
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
        text.pop_back();
    }
    const std::size_t line = text.rfind('\n');
    return line == std::string::npos ? text : text.substr(line + 1);
}

std::string_view to_string(Priority priority) {
    switch (priority) {
        case Priority::ordinary: return "ordinary";
        case Priority::raised: return "raised";
        case Priority::real_time: return "real-time";
    }
    return "";
}

Priority highest_priority() {
    // Tried on a thread of its own, because undoing it may be refused.
    Priority highest = Priority::ordinary;
    std::thread([&] {
        highest = take_priority(Priority::real_time) ? Priority::real_time
                  : take_priority(Priority::raised)  ? Priority::raised
                                                     : Priority::ordinary;
    }).join();
    return highest;
}

Nanos Process::cpu() const {
    return load::cpu_of(process_tree(pid_)).value_or(0);
}

}  // namespace sluice::compare
