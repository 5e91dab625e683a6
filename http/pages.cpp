#include "http/pages.h"

namespace sluice::http {

const Page& page_of(std::uint16_t status) noexcept {
    const auto* page = std::ranges::find(kPages, status, &Page::status);
    if (page == kPages.end()) {
        page = std::ranges::find(kPages, 500, &Page::status);
    }
    return *page;
}

}  // namespace sluice::http
