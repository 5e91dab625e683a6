#include "backends/sim/file.h"

#include <algorithm>

#include "core/check.h"
#include "system/win32.h"

namespace sluice {

FileStamp sim_stamp_of(std::intptr_t file) noexcept {
    const auto look = win32::look_at(reinterpret_cast<HANDLE>(file));
    CHECK(look.has_value());
    return look->stamp;
}

std::size_t sim_read_at(std::intptr_t file, std::uint64_t offset, char* out,
                        std::size_t room) noexcept {
    constexpr std::size_t kMost = 1U << 30;
    OVERLAPPED place{};
    place.Offset = static_cast<DWORD>(offset);
    place.OffsetHigh = static_cast<DWORD>(offset >> 32);
    DWORD got = 0;
    const bool read = ::ReadFile(reinterpret_cast<HANDLE>(file), out,
                                 static_cast<DWORD>(std::min(room, kMost)), &got, &place) != 0;
    return read ? got : 0;
}

}  // namespace sluice
