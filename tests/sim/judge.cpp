// What may be said of a file that changes: an answer is one of the versions that it had when it was
// asked for, whole, and says which.
#include <algorithm>
#include <ctime>
#include <functional>
#include <set>

#include "tests/sim/script.h"

namespace sluice::sim {

namespace {

using Version = History::Version;
using Ranges = std::vector<std::pair<std::size_t, std::size_t>>;

std::time_t date_in(const std::string& head, std::string_view name) {
    std::tm parts{};
    ::strptime(field(head, name).c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return ::timegm(&parts);
}

std::string content_range(std::pair<std::size_t, std::size_t> range, std::size_t size) {
    return "bytes " + std::to_string(range.first) + "-" + std::to_string(range.second) + "/" +
           std::to_string(size);
}

// What is asked for of a file of that size.
Ranges ranges_of(const Expected& expected, std::size_t size) {
    Ranges ranges;
    for (const auto& [first, last] : expected.ranges) {
        if (first < size) {
            ranges.emplace_back(first, std::min(last, size - 1));
        }
    }
    return ranges;
}

bool is_first(const Expected& expected, const Version& version) {
    return version.bytes == expected.file->history->versions.front().bytes;
}

// It may have come back with a weak validator, which cannot be compared with the one that it had.
bool is_the_only_one(const Expected& expected) {
    return expected.file->history->versions.size() == 1;
}

// What left before its bytes were written over cannot be called back: the client sees the cut. But
// all of it is from that file.
bool left_too_late(const Expected& expected, const Response& response, const Version& version,
                   const Ranges& ranges) {
    if (response.status == 206 && ranges.size() > 1) {
        return true;
    }
    const std::size_t begin = response.status == 206 ? ranges[0].first : 0;
    const auto is_byte_of = [&](const std::string& bytes, std::size_t i) {
        return begin + i < bytes.size() && bytes[begin + i] == response.body[i];
    };
    for (std::size_t i = 0; i < response.body.size(); ++i) {
        const bool known =
            is_byte_of(version.bytes, i) ||
            std::ranges::any_of(expected.file->history->moves, [&](const History::Move& move) {
                return move.object == version.object && is_byte_of(move.after, i);
            });
        if (!known) {
            return false;
        }
    }
    return true;
}

// The head and the body are what this version would have been answered with.
bool fits(const Expected& expected, const Response& response, const Version& version, Span span) {
    const std::string& bytes = version.bytes;
    const auto ranges = ranges_of(expected, bytes.size());
    const bool page = expected.status == 412 || expected.status == 304;
    const bool asks_all =
        expected.ranges.empty() || (expected.if_first && !is_the_only_one(expected));
    std::string body;
    switch (response.status) {
        case 200:
            if (!asks_all || (page && is_the_only_one(expected))) {
                return false;
            }
            body = bytes;
            break;
        case 206: {
            if (ranges.empty() || (expected.if_first && !is_first(expected, version))) {
                return false;
            }
            const bool several = ranges.size() > 1;
            if (field(response.head, "Content-Range") !=
                (several ? "" : content_range(ranges[0], bytes.size()))) {
                return false;
            }
            Expected clipped = expected;
            clipped.parts = ranges;
            body = several ? multipart_body(clipped, bytes, response.head)
                           : bytes.substr(ranges[0].first, ranges[0].second - ranges[0].first + 1);
            break;
        }
        case 304: return expected.status == 304 && is_first(expected, version);
        case 412: return expected.status == 412;
        case 416:
            return !expected.ranges.empty() && ranges.empty() &&
                   field(response.head, "Content-Range") ==
                       "bytes */" + std::to_string(bytes.size());
        default: return false;
    }
    if (field(response.head, "Content-Length") != std::to_string(body.size())) {
        return false;
    }
    if (expected.no_body_in(response.status)) {
        return response.body.empty();
    }
    if (response.whole && !expected.file->history->may_be_mixed(version, span)) {
        return response.body == body;
    }
    return body.starts_with(response.body) || left_too_late(expected, response, version, ranges);
}

// A strong validator stands for the same bytes for ever.
bool tag_is_true(const History& history, const Response& response,
                 const std::vector<const Version*>& found) {
    const std::string tag = field(response.head, "ETag");
    if (!tag.starts_with('"')) {
        return true;
    }
    std::set<std::size_t> bytes;
    for (const Version* version : found) {
        bytes.insert(std::hash<std::string>()(version->bytes));
    }
    const auto [known, added] = history.tags.try_emplace(tag, bytes);
    if (!added) {
        std::erase_if(known->second, [&bytes](std::size_t hash) { return !bytes.contains(hash); });
    }
    return !known->second.empty();
}

std::vector<const Version*> versions_of(const Expected& expected, const Response& response,
                                        Span span) {
    std::vector<const Version*> list = expected.file->history->shown(span);
    std::erase_if(
        list, [&](const Version* version) { return !fits(expected, response, *version, span); });
    return list;
}

}  // namespace

std::string complaint_of_changing(const Expected& expected, const Response& response, Span span) {
    const History& history = *expected.file->history;
    if (field(response.head, "Date").size() != 29) {
        return "no Date";
    }
    if (expected.ends && field(response.head, "Connection") != "close") {
        return "the close is not announced";
    }
    if (response.status == 503) {
        return "";  // it was cold when it was asked for, and is still not loaded
    }
    if (response.status == 404) {
        return history.missing(span) ? "" : "404 for what was there";
    }
    if (!field(response.head, "Last-Modified").empty() &&
        date_in(response.head, "Last-Modified") > date_in(response.head, "Date")) {
        return "modified after it was sent";
    }
    const auto found = versions_of(expected, response, span);
    if (found.empty()) {
        return "status " + std::to_string(response.status) + " with " +
               std::to_string(response.body.size()) + " bytes of " +
               field(response.head, "Content-Length") + ", " +
               field(response.head, "Content-Range") + ": no version of " + expected.file->path +
               " that was there";
    }
    const bool represents = response.status == 200 || response.status == 206;
    if (represents && !tag_is_true(history, response, found)) {
        return "the tag " + field(response.head, "ETag") + " stood for other bytes before";
    }
    return "";
}

bool may_be_cut(const Expected& expected, const Response& response, Span span) {
    if (expected.file == nullptr || expected.file->history == nullptr) {
        return false;
    }
    const History& history = *expected.file->history;
    const auto may_be =
        response.head.empty() ? history.shown(span) : versions_of(expected, response, span);
    return std::ranges::any_of(
        may_be, [&](const Version* version) { return history.breaks(*version, span); });
}

}  // namespace sluice::sim
