// The static handler: decides which answer a request gets. Bytes are made elsewhere.
#include "http/plan.h"

#include "http/conditional.h"
#include "http/encoding.h"
#include "http/pages.h"

namespace sluice::http {
namespace {

void set_page(ResponsePlan& plan, std::uint16_t status) noexcept {
    plan.status = page_of(status).status;
    plan.shape = plan.head_only ? BodyShape::none : BodyShape::page;
}

// Server-driven negotiation (RFC 9110 section 12.1) among the entry's precompressed siblings.
const Entry& choose_variant(const Entry& identity, const Request& request) noexcept {
    Variants available{};
    bool any = false;
    for (std::size_t i = 0; i < available.size(); ++i) {
        available[i] = identity.variants[i] != nullptr;
        any |= available[i];
    }
    if (!any || !present(request.accept_encoding)) {
        return identity;
    }
    const Coding coding = negotiate(request.accept_encoding, available);
    return coding == Coding::identity ? identity
                                      : *identity.variants[static_cast<std::size_t>(coding) - 1];
}

// RFC 9110 section 13.2.2 step 5, and section 14.2: Range has a meaning for GET alone.
void plan_ranges(ResponsePlan& plan, const Request& request, const Validators& current) noexcept {
    if (!present(request.range) || plan.head_only || !range_allowed(request, current)) {
        return;
    }
    switch (select_ranges(request.range, plan.entry->size, plan.ranges, plan.range_count)) {
        case RangeOutcome::ignored: break;
        case RangeOutcome::satisfiable:
            plan.status = 206;
            plan.shape = plan.range_count == 1 ? BodyShape::ranges : BodyShape::multipart;
            break;
        case RangeOutcome::unsatisfiable: set_page(plan, 416); break;
    }
}

void plan_entry(ResponsePlan& plan, const Request& request, const Entry& identity) noexcept {
    plan.identity = &identity;
    const Entry& entry = identity.vary ? choose_variant(identity, request) : identity;
    plan.entry = &entry;
    if (entry.unloaded) {
        plan.needs_load = true;  // its validators may not be known yet: decide afterwards
        return;
    }
    const Validators current{entry.etag, entry.mtime_seconds};
    switch (check_preconditions(request, current)) {
        case Precondition::proceed: break;
        case Precondition::not_modified:
            plan.status = 304;
            plan.shape = BodyShape::none;
            return;
        case Precondition::failed: set_page(plan, 412); return;
    }
    plan_ranges(plan, request, current);
}

}  // namespace

ResponsePlan plan_response(const Request& request, const Snapshot& snapshot) noexcept {
    ResponsePlan plan;
    switch (request.method) {
        case Method::get: break;
        case Method::head: plan.head_only = true; break;
        case Method::options:  // RFC 9110 section 9.3.7; also for "*", the server as a whole
            plan.status = 204;
            return plan;
        case Method::other_known: set_page(plan, 405); return plan;  // section 15.5.6
        case Method::unknown: set_page(plan, 501); return plan;      // section 15.6.2
    }
    // Preconditions are for requests that would succeed (section 13.2.1): not for 404 and 301.
    const Entry* found = request.path.empty() ? nullptr : snapshot.find(request.path);
    if (found == nullptr) {
        set_page(plan, 404);
        return plan;
    }
    if (found->kind == EntryKind::directory) {
        set_page(plan, 301);
        plan.redirect_path = request.path;
        plan.redirect_query = request.query;
        return plan;
    }
    plan.shape = plan.head_only ? BodyShape::none : BodyShape::whole;
    plan_entry(plan, request, *found);
    return plan;
}

ResponsePlan plan_error(std::uint16_t status, bool head_only) noexcept {
    ResponsePlan plan;
    plan.head_only = head_only;
    set_page(plan, status);
    return plan;
}

}  // namespace sluice::http
