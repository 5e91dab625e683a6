#include "content/type.h"

#include <algorithm>
#include <array>

#include "http/field.h"

namespace sluice::http {
namespace {

constexpr std::string_view kBytes = "application/octet-stream";
constexpr std::string_view kText = "text/plain";
constexpr std::string_view kGzipMagic = "\x1f\x8b\x08";  // RFC 1952 section 2.3.1
constexpr std::string_view kCharset = "; charset=utf-8";

bool is_any(std::string_view type, std::span<const std::string_view> lower) {
    return std::ranges::any_of(lower,
                               [type](std::string_view one) { return equals_lower(type, one); });
}

bool is_xml(std::string_view type) {
    constexpr auto kXml = std::to_array<std::string_view>(
        {"application/xml", "application/xml-dtd", "application/xml-external-parsed-entity",
         "text/xml", "text/xml-external-parsed-entity"});
    constexpr std::string_view kSuffix = "+xml";
    return is_any(type, kXml) || (type.size() > kSuffix.size() &&
                                  equals_lower(type.substr(type.size() - kSuffix.size()), kSuffix));
}

// A script without a charset of its own takes that of the page that loads it.
bool is_text(std::string_view type) {
    constexpr auto kScripts = std::to_array<std::string_view>(
        {"application/ecmascript", "application/javascript", "application/x-javascript"});
    return equals_lower(type.substr(0, 5), "text/") || is_any(type, kScripts);
}

}  // namespace

TypeSniffer::TypeSniffer(std::string_view type) : type_(type) {
    if (type.empty()) {
        kind_ = Kind::unknown;
    } else if (type.find(';') != std::string_view::npos) {
        kind_ = Kind::fixed;
    } else if (is_xml(type)) {
        kind_ = Kind::text;
        declaration_ = Declaration::xml;
    } else if (is_text(type)) {
        kind_ = Kind::text;
        declaration_ = equals_lower(type, "text/html")  ? Declaration::html
                       : equals_lower(type, "text/css") ? Declaration::css
                                                        : Declaration::none;
    }
}

void TypeSniffer::look(std::string_view bytes) {
    if (kind_ != Kind::fixed) {
        start_.append(bytes.substr(0, kSniffBytes - start_.size()));
        utf8_.look(bytes);
    }
}

bool TypeSniffer::decided() const {
    if (kind_ == Kind::fixed || ended_) {
        return true;
    }
    const bool sniffed = start_.size() == kSniffBytes;
    return sniffed && (!utf8_.valid() || (kind_ == Kind::unknown && !looks_like_text(start_)));
}

TypeSniffer::Verdict TypeSniffer::verdict() const {
    if (kind_ == Kind::fixed) {
        return {.type = type_};
    }
    if (kind_ == Kind::unknown &&
        !((ended_ || start_.size() == kSniffBytes) && looks_like_text(start_))) {
        return {.type = kBytes};
    }
    const bool compressed = equals_lower(type_, "image/svg+xml") && start_.starts_with(kGzipMagic);
    return {.type = kind_ == Kind::unknown ? kText : type_,
            .utf8 = ended_ && utf8_.complete() && !declares_other_charset(start_, declaration_),
            .coding = compressed ? Coding::gzip : Coding::identity};
}

std::string_view ContentTypes::value_of(const TypeSniffer::Verdict& verdict) {
    std::string value(verdict.type);
    value.append(verdict.utf8 ? kCharset : std::string_view());
    return *values_.insert(std::move(value)).first;
}

}  // namespace sluice::http
