#include "app/commands.h"

namespace sluice {

void prepare_streams() {}

std::vector<std::string> arguments_of(int argc, char** argv) {
    return {argv, argv + argc};
}

}  // namespace sluice
