/* A disk that does not answer, for e2e/test_signals: loaded before libc (LD_PRELOAD). Reading or
 * sending the file at SLOW_DISK never ends; the file at SLOW_DISK_SEEN is made when it begins.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

static ssize_t (*next_pread)(int, void*, size_t, off_t);
static ssize_t (*next_preadv2)(int, const struct iovec*, int, off_t, int);
static ssize_t (*next_sendfile)(int, int, off_t*, size_t);

__attribute__((constructor)) static void begin(void) {
    next_pread = dlsym(RTLD_NEXT, "pread");
    next_preadv2 = dlsym(RTLD_NEXT, "preadv2");
    next_sendfile = dlsym(RTLD_NEXT, "sendfile");
}

static int is_slow(int file) {
    const char* slow = getenv("SLOW_DISK");
    char link[64];
    char path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const ssize_t size = readlink(link, path, sizeof path - 1);
    if (slow == NULL || size < 0) {
        return 0;
    }
    path[size] = '\0';
    return strcmp(path, slow) == 0;
}

static void wait_if_slow(int file) {
    const char* seen = getenv("SLOW_DISK_SEEN");
    while (seen != NULL && is_slow(file)) {
        close(open(seen, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        pause();
    }
}

ssize_t pread(int file, void* out, size_t size, off_t offset) {
    wait_if_slow(file);
    return next_pread(file, out, size, offset);
}

// What would have to wait says so.
ssize_t preadv2(int file, const struct iovec* memory, int count, off_t offset, int flags) {
    if ((flags & RWF_NOWAIT) != 0 && is_slow(file)) {
        errno = EAGAIN;
        return -1;
    }
    wait_if_slow(file);
    return next_preadv2(file, memory, count, offset, flags);
}

ssize_t sendfile(int to, int file, off_t* offset, size_t size) {
    wait_if_slow(file);
    return next_sendfile(to, file, offset, size);
}
