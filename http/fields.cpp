#include "http/fields.h"

namespace sluice::http {

std::uint64_t body_bytes(const ResponsePlan& plan) noexcept {
    switch (plan.status) {
        case 200: return plan.entry->size;
        case 204:
        case 304: return 0;
        case 206:
            return plan.shape == BodyShape::multipart ? multipart_bytes(plan)
                                                      : plan.ranges[0].length;
        default: return page_of(plan.status).body.size();
    }
}

}  // namespace sluice::http
