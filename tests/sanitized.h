// Whether this build is sanitized: several times slower, so that the longest tests do less of the
// same. What they leave out is done by the other builds.
#pragma once

namespace sluice {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace sluice
