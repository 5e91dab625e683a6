// CHECK (always on) guards memory safety and which bytes go to whom. DCHECK (debug builds) guards
// the rest. Both print the condition and the place, and abort.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace sluice {

[[noreturn]] inline void check_failed(const char* condition, const char* file, int line) noexcept {
    std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
    std::abort();
}

}  // namespace sluice

#define CHECK(condition)                                            \
    do {                                                            \
        if (!(condition)) [[unlikely]] {                            \
            ::sluice::check_failed(#condition, __FILE__, __LINE__); \
        }                                                           \
    } while (false)

#ifdef NDEBUG
#define DCHECK(condition)      \
    do {                       \
        if (false) {           \
            (void)(condition); \
        }                      \
    } while (false)
#else
#define DCHECK(condition) CHECK(condition)
#endif
