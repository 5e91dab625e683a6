// Windows has no file in memory that TransmitFile could send and whose parts could be given back,
// so there is none: the loader sends large files from disk.
#include "core/win32.h"
#include "http/memory_file.h"

namespace sluice::http {

Result<MemoryFile> MemoryFile::create() {
    return fail(Status::not_supported, "Windows has no files in memory");
}

// Never called: there is no object. Defined for the linker.
Status MemoryFile::write(std::uint64_t, const char*, std::size_t) {
    return Status::not_supported;
}
std::uint64_t MemoryFile::commit(std::uint64_t) {
    return 0;
}
void MemoryFile::discard() noexcept {}
std::uint64_t MemoryFile::release(std::uint64_t, std::uint64_t) noexcept {
    return 0;
}

}  // namespace sluice::http
