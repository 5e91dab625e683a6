#include "content/place.h"
#include "system/win32.h"

namespace sluice::fs {

Place place_of(const File& node) noexcept {
    FILE_REMOTE_PROTOCOL_INFO remote;
    const bool is_remote =
        ::GetFileInformationByHandleEx(win32::to_handle(node.handle()), FileRemoteProtocolInfo,
                                       &remote, sizeof remote) != 0;
    return is_remote ? Place::untold : Place::told;
}

Place place_of_type(std::string_view) noexcept {
    return Place::told;
}

}  // namespace sluice::fs
