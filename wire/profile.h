// The facts of a page's owner (name, number, major) and the page's logo, read from the captured
// page itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "wire/record.h"

namespace sluice::wire {

struct Profile {
    std::vector<std::vector<std::string>> facts;  // label, value; as the page has them
    std::string logo_source;                      // as the page has it
    std::string logo_target;
    std::string logo_type;
    std::string logo;  // its bytes, when they were captured whole
};

// From <dt>label</dt><dd>value</dd>, or from lines "label：value".
[[nodiscard]] std::vector<std::vector<std::string>> facts_of(std::string_view html);
// The source of the first <img>, unresolved.
[[nodiscard]] std::string logo_source_of(std::string_view html);

[[nodiscard]] Profile read_profile(const std::vector<ConnectionRecord>& connections,
                                   const HttpExchange& page);

}  // namespace sluice::wire
