#include "app/live.h"

#include <limits>

#include "app/exit.h"
#include "app/terminal.h"
#include "bench/load/report.h"

namespace sluice {

namespace {

constexpr const char* kNewLine = "\r\x1b[K";

}  // namespace

Live::Live(bool quiet) : quiet_(quiet), terminal_(stderr_is_terminal()) {}

void Live::show(const std::string& what) {
    if (!quiet_ && terminal_) {
        say_raw(kNewLine + what.substr(0, stderr_columns() - 1));
        shown_ = true;
    }
}

void Live::show(const load::Second& second) {
    if (terminal_) {
        show(load::live_line(second, stderr_columns() - 1));
    } else if (!quiet_) {
        say_raw(load::live_line(second, std::numeric_limits<std::size_t>::max()) + "\n");
    }
}

void Live::clear() {
    if (shown_) {
        say_raw(kNewLine);
        shown_ = false;
    }
}

}  // namespace sluice
