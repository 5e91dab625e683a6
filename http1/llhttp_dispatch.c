/* Chooses, at the first call, the build of llhttp's state machine that this CPU can run. llhttp.c
 * is compiled twice with these two functions renamed (cmake/llhttp.cmake). */
#include "llhttp.h"

int llhttp__internal_init_v1(llhttp__internal_t* s);
int llhttp__internal_execute_v1(llhttp__internal_t* s, const char* p, const char* endp);
int llhttp__internal_execute_v2(llhttp__internal_t* s, const char* p, const char* endp);

int llhttp__internal_init(llhttp__internal_t* s) {
    return llhttp__internal_init_v1(s);
}

/* Both builds number their states alike (_current holds an enum value), so a parser initialised by
 * one runs in the other. */
int llhttp__internal_execute(llhttp__internal_t* s, const char* p, const char* endp) {
    return __builtin_cpu_supports("sse4.2") ? llhttp__internal_execute_v2(s, p, endp)
                                            : llhttp__internal_execute_v1(s, p, endp);
}
