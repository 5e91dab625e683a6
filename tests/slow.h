// Whether this build is several times slower (sanitizers; Windows, which is tested under Wine), so
// that the longest tests do less of the same. What they leave out is done by the other builds.
// Slowest of all is Wine, where each call of the system's goes through another process.
#pragma once

namespace sluice {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(_WIN32)
inline constexpr bool kSlow = true;
#else
inline constexpr bool kSlow = false;
#endif

#if defined(_WIN32)
inline constexpr bool kSlowest = true;
#else
inline constexpr bool kSlowest = false;
#endif

}  // namespace sluice
