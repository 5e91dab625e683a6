#include <csignal>

#include "app/stop_request.h"

namespace sluice {

void catch_hangup(void (*handler)(int)) {
    if (std::signal(SIGHUP, handler) == SIG_IGN) {
        std::signal(SIGHUP, SIG_IGN);  // nohup(1)
    }
}

}  // namespace sluice
