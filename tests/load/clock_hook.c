/* A monotonic clock that lies, for the test of --verify-wire: loaded before libc (LD_PRELOAD).
 * CLOCK_HOOK=slow: a second lasts 1.02; coarse: it stands still for 2 ms at a time. */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec* out) {
    static long long first;
    const long result = syscall(SYS_clock_gettime, clock, out);
    const char* how = getenv("CLOCK_HOOK");
    if (result != 0 || clock != CLOCK_MONOTONIC || how == NULL) {
        return (int)result;
    }
    long long now = out->tv_sec * 1000000000LL + out->tv_nsec;
    if (first == 0) {
        first = now;
    }
    if (strcmp(how, "slow") == 0) {
        now = first + (now - first) / 51 * 50;
    } else {
        now = now / 2000000 * 2000000;
    }
    out->tv_sec = now / 1000000000LL;
    out->tv_nsec = now % 1000000000LL;
    return 0;
}
