// MIME: the media type that a name stands for. The table is static storage, made at build time of
// Debian's list and of content/mime.types (cmake/media_types.cmake).
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sluice::http {

// What a user says of an extension: `--mime EXT=TYPE`.
struct MimeRule {
    std::string extension;  // in lower case, without a dot before it
    std::string type;       // as it is sent
};

// TYPE is a media type (RFC 9110 section 8.3.1), with parameters or without. The error is one line.
[[nodiscard]] Result<MimeRule> parse_mime_rule(std::string_view text);

class MediaTypes {
  public:
    // Rules win over the table; of two for one extension the later one does.
    explicit MediaTypes(std::span<const MimeRule> rules = {});

    // By the longest extension of the path's last segment that is known, in any case: for
    // "/a.tar.gz" by "tar.gz" or else by "gz". Empty when none is; a path that ends with a slash
    // has none. The view lives as long as this object.
    [[nodiscard]] std::string_view of(std::string_view path) const;

  private:
    std::map<std::string, std::string, std::less<>> rules_;
};

}  // namespace sluice::http
