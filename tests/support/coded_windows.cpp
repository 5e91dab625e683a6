#include "coded.h"

namespace sluice::test {

std::vector<std::string> system_coded(http::Coding, const std::vector<std::string_view>&,
                                      const CodedOptions&) {
    return {};
}

std::vector<http::Coding> system_codings() {
    return {};
}

}  // namespace sluice::test
