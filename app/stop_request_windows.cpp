#include "app/stop_request.h"

namespace sluice {

void catch_hangup(void (*)(int)) {}

}  // namespace sluice
