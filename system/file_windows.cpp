#include "system/file.h"

#include "system/win32.h"

namespace sluice::fs {

namespace {

Info to_info(const win32::FileLook& look, HANDLE handle) noexcept {
    Info info;
    info.inode = look.inode;
    info.stamp = look.stamp;
    if (::GetFileType(handle) != FILE_TYPE_DISK) {
        info.kind = Kind::other;
    } else if ((look.attributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0) {
        info.kind = Kind::link;
    } else {
        info.kind =
            (look.attributes & FILE_ATTRIBUTE_DIRECTORY) != 0 ? Kind::directory : Kind::file;
    }
    // A file is identified by its stamp. Asking for its volume as well would be the most expensive
    // query of all.
    info.device = info.kind == Kind::directory ? win32::volume_of(handle) : 0;
    return info;
}

}  // namespace

std::expected<Info, Status> info_of(std::intptr_t handle) noexcept {
    const auto look = win32::look_at(win32::to_handle(handle));
    if (!look) {
        return std::unexpected(win32::file_status_of(::GetLastError()));
    }
    return to_info(*look, win32::to_handle(handle));
}

std::expected<std::size_t, Status> read_at(std::intptr_t handle, std::uint64_t offset, char* out,
                                           std::size_t room) noexcept {
    std::size_t got = 0;
    const DWORD error = win32::read_at(win32::to_handle(handle), offset, out, room, got);
    if (error != 0) {
        return std::unexpected(win32::file_status_of(error));
    }
    return got;
}

std::int64_t wall_now_ns() noexcept {
    return win32::wall_now_ns();
}

}  // namespace sluice::fs
