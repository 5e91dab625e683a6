#include "app/exit.h"

#include <fmt/format.h>

#include <cstdio>

namespace sluice {

void say(std::string_view line, std::string_view program) {
    fmt::print(stderr, "{}: {}\n", program, line);
    std::fflush(stderr);
}

int failed(std::string_view program, const Error& error, int code) {
    say(error.what, program);
    return code;
}

}  // namespace sluice
