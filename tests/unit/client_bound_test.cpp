#include "core/client_bound.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace sluice {

namespace {

struct Bound : ClientBound {
    explicit Bound(std::uint32_t most) : ClientBound(most, [this] { ++told; }) {}
    bool enter(const std::string& text, Nanos now = 0) {
        const Endpoint peer = *Endpoint::parse(text);
        return ClientBound::enter(peer.family, peer.address, now);
    }
    void leave(const std::string& text) {
        const Endpoint peer = *Endpoint::parse(text);
        ClientBound::leave(peer.family, peer.address);
    }
    int told = 0;
};

}  // namespace

TEST(ClientBound, CountsEachAddress) {
    Bound bound(2);
    EXPECT_TRUE(bound.enter("192.0.2.1:1"));
    EXPECT_TRUE(bound.enter("192.0.2.1:2"));
    EXPECT_FALSE(bound.enter("192.0.2.1:3"));
    EXPECT_TRUE(bound.enter("192.0.2.2:3"));
    bound.leave("192.0.2.1:2");
    EXPECT_TRUE(bound.enter("192.0.2.1:4"));
    EXPECT_FALSE(bound.enter("192.0.2.1:5"));
}

TEST(ClientBound, AnIpv6ClientIsANetworkOf64Bits) {
    Bound bound(1);
    EXPECT_TRUE(bound.enter("[2001:db8:1:2::1]:1"));
    EXPECT_FALSE(bound.enter("[2001:db8:1:2:ffff::9]:1"));
    EXPECT_TRUE(bound.enter("[2001:db8:1:3::1]:1"));
    EXPECT_TRUE(bound.enter("[::1]:1"));
    bound.leave("[2001:db8:1:2:5::5]:1");
    EXPECT_TRUE(bound.enter("[2001:db8:1:2::1]:1"));
}

TEST(ClientBound, AMappedAddressIsTheIpv4Client) {
    Bound bound(1);
    EXPECT_TRUE(bound.enter("[::ffff:192.0.2.1]:1"));
    EXPECT_FALSE(bound.enter("192.0.2.1:1"));
    EXPECT_TRUE(bound.enter("[::ffff:192.0.2.2]:1"));
    EXPECT_TRUE(bound.enter("[::1]:1"));
}

TEST(ClientBound, WhoHasNoAddressHasNoBound) {
    Bound bound(1);
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(bound.enter("unix:/a"));
        EXPECT_TRUE(bound.ClientBound::enter(Family::none, {}, 0));
    }
    bound.leave("unix:/a");
}

TEST(ClientBound, RefusalsAreToldOnceAMinute) {
    Bound bound(1);
    EXPECT_EQ(bound.take_refusals().count, 0U);
    EXPECT_TRUE(bound.enter("192.0.2.1:1"));
    for (int i = 0; i < 5; ++i) {
        EXPECT_FALSE(bound.enter("192.0.2.1:1", kSecond));
    }
    EXPECT_EQ(bound.told, 1);
    const auto first = bound.take_refusals();
    EXPECT_EQ(first.count, 5U);
    EXPECT_EQ(first.last.host(), "192.0.2.1");
    EXPECT_FALSE(bound.enter("192.0.2.1:1", 30 * kSecond));
    EXPECT_EQ(bound.take_refusals().count, 0U);
    EXPECT_FALSE(bound.enter("192.0.2.1:1", 62 * kSecond));
    EXPECT_EQ(bound.told, 2);
    EXPECT_EQ(bound.take_refusals().count, 2U);
}

TEST(ClientBound, WorkersCountTogether) {
    Bound bound(100);
    std::vector<std::thread> workers;
    std::vector<int> inside(4);
    for (std::size_t i = 0; i < inside.size(); ++i) {
        workers.emplace_back([&, i] {
            const std::string own = "10.0.0." + std::to_string(i) + ":1";
            for (int n = 0; n < 5000; ++n) {
                EXPECT_TRUE(bound.enter(own));
                inside[i] += bound.enter("192.0.2.1:1") ? 1 : 0;
                bound.leave(own);
            }
        });
    }
    int all = 0;
    for (std::size_t i = 0; i < inside.size(); ++i) {
        workers[i].join();
        all += inside[i];
    }
    EXPECT_EQ(all, 100);
}

}  // namespace sluice
