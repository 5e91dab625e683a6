#include "http/encoding.h"

#include <cstddef>
#include <optional>

#include "http/field.h"

namespace sluice::http {
namespace {

constexpr int kUnset = -1;
constexpr int kFull = 1000;  // weights in thousandths

// qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ) (RFC 9110 section 12.4.2).
std::optional<int> parse_qvalue(std::string_view text) noexcept {
    if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1') ||
        (text.size() > 1 && text[1] != '.')) {
        return std::nullopt;
    }
    int value = text[0] == '1' ? kFull : 0;
    int unit = 100;
    for (std::size_t i = 2; i < text.size(); ++i, unit /= 10) {
        if (!is_digit(text[i])) {
            return std::nullopt;
        }
        value += (text[i] - '0') * unit;
    }
    return value <= kFull ? std::optional(value) : std::nullopt;
}

// weight = OWS ";" OWS "q=" qvalue, or nothing, which means 1. No other parameter exists.
std::optional<int> parse_weight(std::string_view parameters) noexcept {
    if (parameters.empty()) {
        return kFull;
    }
    if (!equals_lower(parameters.substr(0, 2), "q=")) {
        return std::nullopt;
    }
    return parse_qvalue(parameters.substr(2));
}

struct Weights {
    int any = kUnset;  // "*"
    std::array<int, kVariantCodings + 1> by_coding{kUnset, kUnset, kUnset, kUnset};

    [[nodiscard]] int* find(std::string_view name) noexcept {
        constexpr std::array<std::string_view, kVariantCodings + 1> kNames = {"identity", "br",
                                                                              "zstd", "gzip"};
        if (name == "*") {
            return &any;
        }
        for (std::size_t i = 0; i < kNames.size(); ++i) {
            if (equals_lower(name, kNames[i])) {
                return &by_coding[i];
            }
        }
        return equals_lower(name, "x-gzip") ? &by_coding.back() : nullptr;
    }
};

Weights parse(std::string_view field) noexcept {
    Weights weights;
    while (!field.empty()) {
        std::string_view element = cut(field, ',');
        const bool has_parameters = element.find(';') != std::string_view::npos;
        int* weight = weights.find(cut(element, ';'));
        if (weight == nullptr || (has_parameters && element.empty())) {
            continue;
        }
        const std::optional<int> parsed = parse_weight(trim(element));
        if (parsed) {
            *weight = *parsed;
        }
    }
    return weights;
}

}  // namespace

Coding negotiate(std::string_view field, const Variants& available) noexcept {
    const Weights weights = parse(field);
    Coding best = Coding::identity;
    int best_weight = 0;
    for (std::size_t i = 0; i < kVariantCodings; ++i) {
        const int own = weights.by_coding[i + 1];
        const int weight = own != kUnset ? own : weights.any;
        if (available[i] && weight > best_weight) {
            best = static_cast<Coding>(i + 1);
            best_weight = weight;
        }
    }
    // Identity needs no mention to be acceptable, but then anything that is mentioned comes first.
    const int identity = weights.by_coding[0] != kUnset ? weights.by_coding[0] : weights.any;
    return identity > best_weight ? Coding::identity : best;
}

}  // namespace sluice::http
