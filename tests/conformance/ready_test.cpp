// ready: one completion when the socket is readable or writable.
#include "tests/conformance/fixture.h"

namespace sluice::conformance {

CONFORMANCE_SUITE(Ready);

TEST_P(Ready, ReadableWhenBytesAreThere) {
    const Pair p = pair();
    driver().ready(p.slot, Direction::readable);
    pump_for(kSettle);
    EXPECT_FALSE(at(p.slot).ready_end.has_value());
    write(*p.peer, "x");
    EXPECT_TRUE(pump([&] { return at(p.slot).ready_end == Status::ok; }));
    // It took nothing: asked again it is true again, and the stream gets the byte.
    driver().ready(p.slot, Direction::readable);
    EXPECT_TRUE(pump([&] { return at(p.slot).ready_end == Status::ok; }));
    driver().recv_start(p.slot);
    EXPECT_TRUE(pump([&] { return at(p.slot).received == "x"; }));
}

TEST_P(Ready, ReadableAtTheEndOfTheStream) {
    const Pair p = pair();
    driver().ready(p.slot, Direction::readable);
    p.peer->shutdown_write();
    EXPECT_TRUE(pump([&] { return at(p.slot).ready_end.has_value(); }));
}

TEST_P(Ready, WritableAtOnceOrWhenThereIsRoom) {
    const Pair p = pair(Family::ipv4, {.small_window = true});
    driver().ready(p.slot, Direction::writable);
    EXPECT_TRUE(pump([&] { return at(p.slot).ready_end == Status::ok; }));
    driver().send(p.slot, pattern(8'000'000));
    pump_for(kSettle);
    driver().ready(p.slot, Direction::writable);
    pump_for(kSettle);
    EXPECT_FALSE(at(p.slot).ready_end.has_value()) << "writable although the window is full";
    EXPECT_EQ(read(*p.peer, 8'000'000).size(), 8'000'000U);
    EXPECT_TRUE(pump([&] { return at(p.slot).ready_end == Status::ok; }));
}

TEST_P(Ready, BrokenIsReadyInBothDirections) {
    for (const Direction direction : {Direction::readable, Direction::writable}) {
        const Pair p = pair();
        p.peer->reset();
        pump_for(kMillisecond);
        driver().ready(p.slot, direction);
        EXPECT_TRUE(pump([&] { return at(p.slot).ready_end.has_value(); }));
    }
    const Pair p = pair();
    driver().ready(p.slot, Direction::readable);
    pump_for(kMillisecond);
    p.peer->reset();
    EXPECT_TRUE(pump([&] { return at(p.slot).ready_end.has_value(); }));
}

TEST_P(Ready, ManyTimes) {
    const Pair p = pair();
    std::string all;
    for (int i = 0; i < 100; ++i) {
        driver().ready(p.slot, Direction::writable);
        ASSERT_TRUE(pump([&] { return at(p.slot).ready_end == Status::ok; })) << i;
        driver().ready(p.slot, Direction::readable);
        pump_for(50 * kMicrosecond);
        ASSERT_FALSE(at(p.slot).ready_end.has_value()) << i;
        write(*p.peer, "x");
        all += "x";
        ASSERT_TRUE(pump([&] { return at(p.slot).ready_end == Status::ok; })) << i;
        driver().recv_start(p.slot);
        ASSERT_TRUE(pump([&] { return at(p.slot).received == all; })) << i;
        driver().recv_stop(p.slot);
        ASSERT_TRUE(pump([&] { return at(p.slot).recv_end == Status::cancelled; })) << i;
    }
}

TEST_P(Ready, CloseWithdrawsIt) {
    const Pair p = pair();
    driver().ready(p.slot, Direction::readable);
    pump_for(kMillisecond);
    close(p.slot);
    EXPECT_EQ(at(p.slot).ready_end, Status::cancelled);
}

}  // namespace sluice::conformance
