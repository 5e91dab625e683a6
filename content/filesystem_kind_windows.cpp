#include "content/filesystem_kind.h"
#include "system/win32.h"

namespace sluice::fs {

FilesystemKind filesystem_kind_of(const File& node) noexcept {
    FILE_REMOTE_PROTOCOL_INFO remote;
    const bool is_remote =
        ::GetFileInformationByHandleEx(win32::to_handle(node.handle()), FileRemoteProtocolInfo,
                                       &remote, sizeof remote) != 0;
    return is_remote ? FilesystemKind::remote : FilesystemKind::local;
}

FilesystemKind filesystem_kind_of_type(std::string_view) noexcept {
    return FilesystemKind::local;
}

}  // namespace sluice::fs
