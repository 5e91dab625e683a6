// Exits without GoogleTest's last line, or dies after it: for the tests of cmake/wine-test.sh.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

int main(int argc, char** argv) {
    const char* how = argc > 1 ? argv[1] : "";
    if (strcmp(how, "early") == 0) {
        return 0;  // success, but without the last line
    }
    printf("[  PASSED  ] 1 test.\n");
    fflush(stdout);
    if (strcmp(how, "crash") == 0) {
        *(volatile int*)8 = 1;
    }
    if (strcmp(how, "abort") == 0) {
        abort();
    }
    if (strcmp(how, "stop") == 0) {
        TerminateProcess(GetCurrentProcess(), 3);
    }
    return 0;
}
