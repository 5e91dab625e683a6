#include "serve/address_text.h"

namespace sluice {

std::string address_text(const Endpoint& listener, const std::vector<Endpoint>& all) {
    if (listener.family == Family::unix_path) {
        return listener.to_string();
    }
    if (!listener.is_any()) {
        return "http://" + listener.to_string() + "/";
    }
    const bool six = listener.family == Family::ipv6 && wants_v6_only(listener, all);
    return std::string("http://") + (six ? "[::1]:" : "127.0.0.1:") +
           std::to_string(listener.port) + "/ and every other address of this machine";
}

}  // namespace sluice
