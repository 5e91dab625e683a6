// Status codes that more than one source names (RFC 9110 section 15, RFC 6585 section 5).
#pragma once

#include <cstdint>

namespace sluice::http {

inline constexpr std::uint16_t kOk = 200;
inline constexpr std::uint16_t kBadRequest = 400;
inline constexpr std::uint16_t kRequestTimeout = 408;
inline constexpr std::uint16_t kContentTooLarge = 413;
inline constexpr std::uint16_t kUriTooLong = 414;
inline constexpr std::uint16_t kHeadTooLarge = 431;
inline constexpr std::uint16_t kUnavailable = 503;
inline constexpr std::uint16_t kVersionNotSupported = 505;

}  // namespace sluice::http
