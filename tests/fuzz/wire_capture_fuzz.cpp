// A capture file, hostile from its first byte on, through its reader and everything that `sluice
// wire` does with one.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/wire_outputs.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sluice;
    const fuzz::MemoryFile file({reinterpret_cast<const char*>(data), size});
    auto capture = wire::Capture::open_file(file.path());
    if (!capture) {
        return 0;
    }
    const auto language = size % 2 == 0 ? wire::Language::en : wire::Language::zh;
    fuzz::WireOutputs outputs(language, capture->link_type(), capture->snap_length());
    while (const wire::Frame* frame = capture->next()) {
        outputs.feed(*frame);
    }
    outputs.finish({});
    return 0;
}
