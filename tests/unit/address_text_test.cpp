#include "serve/address_text.h"

#include <gtest/gtest.h>

namespace sluice {

namespace {

std::string text_of(const char* listener, const std::vector<const char*>& others = {}) {
    std::vector<Endpoint> all = {*Endpoint::parse(listener)};
    for (const char* other : others) {
        all.push_back(*Endpoint::parse(other));
    }
    return address_text(all[0], all);
}

}  // namespace

TEST(AddressText, IsTheAddress) {
    EXPECT_EQ(text_of("127.0.0.1:8080"), "http://127.0.0.1:8080/");
    EXPECT_EQ(text_of("192.0.2.7:80"), "http://192.0.2.7:80/");
    EXPECT_EQ(text_of("[::1]:8080"), "http://[::1]:8080/");
    EXPECT_EQ(text_of("unix:/run/x"), "unix:/run/x");
}

// Nobody can open http://[::]:8080/ or http://0.0.0.0:8080/.
TEST(AddressText, EveryAddressIsOneThatCanBeOpened) {
    for (const char* text : {"8080", "[::]:8080", "0.0.0.0:8080"}) {
        EXPECT_EQ(text_of(text), "http://127.0.0.1:8080/ and every other address of this machine");
    }
    EXPECT_EQ(text_of("[::]:8080", {"0.0.0.0:8080"}),
              "http://[::1]:8080/ and every other address of this machine");
    EXPECT_EQ(text_of("[::]:8080", {"0.0.0.0:8081"}),
              "http://127.0.0.1:8080/ and every other address of this machine");
}

}  // namespace sluice
