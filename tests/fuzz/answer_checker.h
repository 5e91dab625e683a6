// AnswerChecker: reads what a server sent on one connection, as a client that knows RFC 9110 and
// RFC 9112, and of our server only its content. Aborts on what is wrong. For fuzz targets.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/check.h"

namespace sluice::fuzz {

class AnswerChecker {
  public:
    // What a body must be, by its entity tag.
    using Bodies = std::map<std::string, std::string, std::less<>>;
    explicit AnswerChecker(Bodies bodies) : bodies_(std::move(bodies)) {}

    // `broken`: the connection ended before all was sent. `heads`: some of the requests may have
    // been HEAD, whose answers announce a body that does not come. Returns how many answers are
    // whole, without interim ones.
    std::size_t check(std::string_view sent, bool broken, bool heads) const {
        bool last = false;
        std::size_t answers = 0;
        while (!sent.empty()) {
            CHECK(!last);  // it said that nothing would follow it
            const std::size_t end = sent.find("\r\n\r\n");
            CHECK(end != std::string_view::npos || broken);
            if (end == std::string_view::npos) {
                break;
            }
            const Head head = read_head(sent.substr(0, end + 2));
            sent.remove_prefix(end + 4);
            last = head.field("Connection") == "close";
            const bool bodiless = head.status < 200 || head.status == 204 || head.status == 304 ||
                                  (heads && (sent.empty() || sent.starts_with("HTTP/1.1 ")));
            CHECK(bodiless || head.field("Content-Length").has_value());
            const std::uint64_t length =
                bodiless ? 0 : number(head.field("Content-Length").value_or(""));
            if (sent.size() < length) {
                CHECK(broken);
                break;
            }
            if (!bodiless) {
                check_body(head, sent.substr(0, length));
            }
            sent.remove_prefix(length);
            answers += head.status >= 200 ? 1U : 0U;
        }
        return answers;
    }

  private:
    struct Head {
        int status = 0;
        std::map<std::string, std::string_view, std::less<>> fields;
        [[nodiscard]] std::optional<std::string_view> field(std::string_view name) const {
            const auto at = fields.find(name);
            return at == fields.end() ? std::nullopt : std::optional(at->second);
        }
    };

    static std::uint64_t number(std::string_view text) {
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        CHECK(error == std::errc{} && end == text.data() + text.size());
        return value;
    }
    static std::string_view take_line(std::string_view& text) {
        const std::size_t end = text.find("\r\n");
        CHECK(end != std::string_view::npos);
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end + 2);
        CHECK(std::ranges::all_of(line, [](char c) { return c >= 0x20 && c < 0x7f; }));
        return line;
    }

    static std::map<std::string, std::string_view, std::less<>> read_fields(std::string_view text) {
        std::map<std::string, std::string_view, std::less<>> fields;
        while (!text.empty()) {
            const std::string_view line = take_line(text);
            const std::size_t colon = line.find(": ");
            CHECK(colon != std::string_view::npos && colon > 0);
            const std::string_view name = line.substr(0, colon);
            CHECK(name.find_first_of(" \t\"(),/:;<=>?@[\\]{}") == std::string_view::npos);
            CHECK(fields.emplace(name, line.substr(colon + 2)).second);  // each once
        }
        return fields;
    }
    static Head read_head(std::string_view text) {
        Head head;
        const std::string_view line = take_line(text);
        CHECK(line.starts_with("HTTP/1.1 ") && line.size() > 13 && line[12] == ' ');
        head.status = static_cast<int>(number(line.substr(9, 3)));
        head.fields = read_fields(text);
        CHECK(head.status == 100 || head.field("Date").value_or("").size() == 29);
        CHECK(head.status != 301 || head.field("Location").value_or("").starts_with('/'));
        CHECK(head.status != 405 || head.field("Allow").has_value());
        CHECK((head.status == 200 || head.status == 206) <= head.field("Content-Type").has_value());
        return head;
    }

    // "bytes 0-9/100"; checks that it is a range of what there is and returns the bytes.
    static std::string_view range_of(std::string_view field, std::string_view all) {
        const std::size_t dash = field.find('-');
        const std::size_t slash = field.find('/');
        CHECK(field.starts_with("bytes ") && dash < slash && slash != std::string_view::npos);
        const std::uint64_t first = number(field.substr(6, dash - 6));
        const std::uint64_t last = number(field.substr(dash + 1, slash - dash - 1));
        CHECK(first <= last && last < all.size() && number(field.substr(slash + 1)) == all.size());
        return all.substr(first, last - first + 1);
    }
    // RFC 2046 section 5.1.1, RFC 9110 section 14.6.
    static void check_parts(std::string_view boundary, std::string_view body,
                            std::string_view all) {
        const std::string delimiter = "--" + std::string(boundary);
        std::size_t parts = 0;
        for (;; ++parts) {
            const std::string_view line = take_line(body);
            CHECK(line == delimiter || (line == delimiter + "--" && body.empty() && parts > 1));
            if (body.empty()) {
                return;
            }
            const std::size_t end = body.find("\r\n\r\n");
            CHECK(end != std::string_view::npos);
            const auto fields = read_fields(body.substr(0, end + 2));
            CHECK(fields.contains("Content-Range") && fields.contains("Content-Type"));
            const std::string_view part = range_of(fields.at("Content-Range"), all);
            body.remove_prefix(end + 4);
            CHECK(body.starts_with(part));
            body.remove_prefix(part.size());
            CHECK(body.starts_with("\r\n"));
            body.remove_prefix(2);
        }
    }
    void check_body(const Head& head, std::string_view body) const {
        if (head.status != 200 && head.status != 206) {
            return;
        }
        const auto found = bodies_.find(head.field("ETag").value_or(""));
        CHECK(found != bodies_.end() || !head.field("ETag"));
        if (found == bodies_.end()) {
            return;  // OPTIONS
        }
        const std::string_view all = found->second;
        constexpr std::string_view kMultipart = "multipart/byteranges; boundary=";
        const std::string_view type = head.field("Content-Type").value_or("");
        if (head.status == 200) {
            CHECK(body == all);
        } else if (type.starts_with(kMultipart)) {
            check_parts(type.substr(kMultipart.size()), body, all);
        } else {
            CHECK(body == range_of(head.field("Content-Range").value_or(""), all));
        }
    }

    const Bodies bodies_;
};

}  // namespace sluice::fuzz
