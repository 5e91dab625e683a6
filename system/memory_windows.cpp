#include "system/memory.h"
#include "system/win32.h"

namespace sluice {

UsableMemory usable_memory() {
    MEMORYSTATUSEX status{};
    status.dwLength = sizeof status;
    if (::GlobalMemoryStatusEx(&status) == 0) {
        return {UINT64_MAX, "this machine"};
    }
    return {status.ullTotalPhys, "this machine"};
}

}  // namespace sluice
