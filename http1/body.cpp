#include "http1/body.h"

#include <algorithm>

#include "http/field.h"
#include "http/status.h"
#include "http/syntax.h"

namespace sluice::http {
namespace {

constexpr std::uint16_t kMore = 0;
constexpr std::uint16_t kDone = 200;

// Sixteen digits hold 64 bits; leading zeros count too.
constexpr std::uint8_t kSizeDigitsMax = 16;

}  // namespace

BodyReader::BodyReader(const Http1Request& request, std::uint64_t bytes_max,
                       std::uint32_t trailer_bytes_max)
    : trailer_left_(trailer_bytes_max), budget_(bytes_max) {
    if (request.body == BodyKind::length) {
        state_ = State::length;
        left_ = request.content_length;
    } else if (request.body == BodyKind::chunked) {
        state_ = State::size_first;
    }
}

BodyReader::Progress BodyReader::feed(std::string_view bytes) noexcept {
    if (state_ == State::length && left_ > budget_) {
        return {0, kContentTooLarge};
    }
    std::size_t at = 0;
    while (state_ != State::done) {
        if (at == bytes.size()) {
            return {at, kMore};
        }
        if (state_ == State::length || state_ == State::data) {
            const std::uint64_t dropped = std::min<std::uint64_t>(left_, bytes.size() - at);
            at += static_cast<std::size_t>(dropped);
            left_ -= dropped;
            if (left_ == 0) {
                state_ = state_ == State::length ? State::done : State::data_cr;
            }
        } else if (const std::uint16_t status = step(bytes[at++]); status != kMore) {
            return {at, status};
        }
    }
    return {at, kDone};
}

std::uint16_t BodyReader::step(char c) noexcept {
    const auto expect = [&](char wanted, State next) {
        state_ = next;
        return c == wanted ? kMore : kBadRequest;
    };
    switch (state_) {
        case State::size_first:
        case State::size: return step_size(c);
        case State::size_lf: return c == '\n' ? begin_chunk() : kBadRequest;
        case State::data_cr: return expect('\r', State::data_lf);
        case State::data_lf: return expect('\n', State::size_first);
        default: return step_trailer(c);
    }
}

// chunk-size = 1*HEXDIG, then CRLF at once (RFC 9112 section 7.1).
std::uint16_t BodyReader::step_size(char c) noexcept {
    if (state_ == State::size_first) {
        left_ = 0;
        digits_ = 0;
    }
    if (const int digit = hex_value(c); digit >= 0) {
        if (++digits_ > kSizeDigitsMax) {
            return kBadRequest;
        }
        left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
        state_ = State::size;
        return kMore;
    }
    if (c == '\r' && state_ == State::size) {
        state_ = State::size_lf;
        return kMore;
    }
    return kBadRequest;
}

std::uint16_t BodyReader::begin_chunk() noexcept {
    if (left_ > budget_) {
        return kContentTooLarge;
    }
    budget_ -= left_;
    state_ = left_ == 0 ? State::line : State::data;
    return kMore;
}

// trailer-section = *( field-line CRLF ), then an empty line (RFC 9112 section 7.1.2).
std::uint16_t BodyReader::step_trailer(char c) noexcept {
    if (trailer_left_ == 0) {
        return kHeadTooLarge;
    }
    --trailer_left_;
    switch (state_) {
        case State::line:
            if (c == '\r') {
                state_ = State::last_lf;
                return kMore;
            }
            state_ = State::name;
            return is_token({&c, 1}) ? kMore : kBadRequest;
        case State::name:
            if (c == ':') {
                state_ = State::value;
                return kMore;
            }
            return is_token({&c, 1}) ? kMore : kBadRequest;
        case State::value:
            if (c == '\r') {
                state_ = State::value_lf;
                return kMore;
            }
            return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f ? kBadRequest
                                                                                    : kMore;
        case State::value_lf: state_ = State::line; return c == '\n' ? kMore : kBadRequest;
        default: state_ = State::done; return c == '\n' ? kMore : kBadRequest;
    }
}

}  // namespace sluice::http
