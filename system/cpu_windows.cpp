#include "system/cpu.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "system/win32.h"

namespace sluice {

std::vector<int> usable_cpus() {
    std::vector<int> cpus;
    DWORD_PTR process = 0;
    DWORD_PTR system = 0;
    // One processor group of at most 64: a process starts in one and stays there unless it asks.
    if (::GetProcessAffinityMask(::GetCurrentProcess(), &process, &system) != 0) {
        for (int cpu = 0; cpu < 64; ++cpu) {
            if ((process >> cpu & 1) != 0) {
                cpus.push_back(cpu);
            }
        }
    }
    return cpus;
}

unsigned default_workers() {
    return static_cast<unsigned>(std::max<std::size_t>(usable_cpus().size(), 1));
}

bool pin_this_thread(int cpu) noexcept {
    return ::SetThreadAffinityMask(::GetCurrentThread(), DWORD_PTR{1} << cpu) != 0;
}

void name_this_thread(const char* name) noexcept {
    // Windows 10 has it; the import library of MinGW-w64 10 does not.
    using SetThreadDescription = HRESULT(WINAPI*)(HANDLE, PCWSTR);
    static const auto set = [] {
        HMODULE kernel = ::GetModuleHandleW(L"kernel32.dll");
        return reinterpret_cast<SetThreadDescription>(
            reinterpret_cast<void (*)()>(::GetProcAddress(kernel, "SetThreadDescription")));
    }();
    wchar_t wide[16] = {};
    for (int i = 0; i < 15 && name[i] != '\0'; ++i) {
        wide[i] = static_cast<unsigned char>(name[i]);
    }
    if (set != nullptr) {
        (void)set(::GetCurrentThread(), wide);
    }
}

void lower_this_threads_priority() noexcept {
    ::SetThreadPriority(::GetCurrentThread(), THREAD_MODE_BACKGROUND_BEGIN);
}

unsigned long raise_descriptor_limit() noexcept {
    // Handles have no limit of their own: 16 million in one process; memory runs out first.
    return 1UL << 24;
}

}  // namespace sluice
