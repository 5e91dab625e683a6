#include <fcntl.h>
#include <unistd.h>

#include "app/commands.h"

namespace sluice {

// open(2) takes the lowest free number, so the root directory takes the place of a closed stream:
// reading and writing such a descriptor (O_PATH) fails as with a closed one.
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
