#include <fcntl.h>
#include <unistd.h>

#include "app/commands.h"

namespace sluice {

// What is opened gets the lowest free number, so the root itself takes the place: reading and
// writing such a descriptor fails as with a closed one (open(2), O_PATH).
void prepare_streams() {
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(stream, F_GETFD) < 0) {
            (void)::open("/", O_PATH | O_DIRECTORY);
        }
    }
}

std::vector<std::string> arguments_of(int argc, char** argv) {
    return {argv, argv + argc};
}

}  // namespace sluice
