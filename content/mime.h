// MIME: the media type of a file name. The table is static storage, generated at build time from
// Debian's list and content/mime.types (cmake/media_types.cmake).
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sluice::http {

// A user's rule for an extension: `--mime EXT=TYPE`.
struct MimeRule {
    std::string extension;  // in lower case, without a dot before it
    std::string type;       // as it is sent
};

// TYPE is a media type (RFC 9110 section 8.3.1), with parameters or without. The error is one line.
[[nodiscard]] Result<MimeRule> parse_mime_rule(std::string_view text);

class MediaTypes {
  public:
    // Rules take precedence over the table; of two rules for one extension the later one wins.
    explicit MediaTypes(std::span<const MimeRule> rules = {});

    // The type of the longest known extension of the path's last segment, ignoring case: for
    // "/a.tar.gz" that of "tar.gz", else that of "gz". Empty when none is known; a path that ends
    // with a slash has none. The view lives as long as this object.
    [[nodiscard]] std::string_view of(std::string_view path) const;

  private:
    std::map<std::string, std::string, std::less<>> rules_;
};

}  // namespace sluice::http
