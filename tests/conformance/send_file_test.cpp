// send_file: head and range whole, or an error; never bytes of a file that is not the one promised.
#include "tests/conformance/fixture.h"
#include "tests/support/host.h"

namespace sluice::conformance {

namespace {

using File = test::TempFile;

constexpr std::size_t kLarge = 10'000'000;

}  // namespace

CONFORMANCE_SUITE(SendFile);

TEST_P(SendFile, HeadAndRange) {
    const Pair p = pair();
    const std::string bytes = pattern(100'000);
    const File file(bytes);
    struct Case {
        std::uint64_t offset;
        std::uint64_t length;
    };
    const std::vector<std::vector<std::string>> heads = {
        {}, {"head"}, {"one", "", "three", "four"}, {pattern(20'000, 2)}};
    for (const Case c :
         {Case{0, 100'000}, Case{0, 1}, Case{99'999, 1}, Case{4095, 4098}, Case{50'000, 50'000}}) {
        for (const auto& head : heads) {
            std::string expected;
            for (const std::string& slice : head) {
                expected += slice;
            }
            expected += bytes.substr(c.offset, c.length);
            driver().send_file(p.slot, head, file.range(c.offset, c.length));
            ASSERT_TRUE(read(*p.peer, expected.size()) == expected)
                << head.size() << " slices, range " << c.offset << "+" << c.length;
            EXPECT_EQ(sent(p.slot).status, Status::ok);
        }
    }
}

TEST_P(SendFile, AnEmptyRangeSendsTheHead) {
    const Pair p = pair();
    const File file("content");
    driver().send_file(p.slot, {"head"}, file.range(3, 0));
    EXPECT_EQ(sent(p.slot).status, Status::ok);
    EXPECT_EQ(read(*p.peer, 4), "head");
}

TEST_P(SendFile, ALargeFileToASlowReader) {
    const std::string bytes = pattern(kLarge);
    const File file(bytes);
    const FileStamp stamp = file.stamp();
    const Pair p = pair(Family::ipv4, {.small_window = true});
    FileRange range = file.range(0, kLarge);
    range.stamp = &stamp;
    driver().send_file(p.slot, {"head"}, range);
    pump_for(kSettle);
    ASSERT_FALSE(at(p.slot).send_end.has_value()) << "completed although nobody took the bytes";
    EXPECT_TRUE(read(*p.peer, kLarge + 4) == "head" + bytes);
    EXPECT_EQ(sent(p.slot).status, Status::ok);
}

TEST_P(SendFile, OverEveryFamily) {
    const std::string bytes = pattern(2'000'000);
    const File file(bytes);
    for (const Family family : families()) {
        const Pair p = pair(family);
        driver().send_file(p.slot, {"head"}, file.range(0, bytes.size()));
        EXPECT_TRUE(read(*p.peer, bytes.size() + 4) == "head" + bytes);
        EXPECT_EQ(sent(p.slot).status, Status::ok);
    }
}

TEST_P(SendFile, OffsetsBeyondFourGiB) {
    constexpr std::uint64_t kFar = 5ULL << 30;
    const Pair p = pair();
    const File file;
    const std::string bytes = pattern(300'000);
    file.write_at(kFar - 1000, bytes);  // the rest is a hole
    const FileStamp stamp = file.stamp();
    FileRange range = file.range(kFar - 1000, bytes.size());
    range.stamp = &stamp;
    driver().send_file(p.slot, {"far"}, range);
    EXPECT_TRUE(read(*p.peer, bytes.size() + 3) == "far" + bytes);
    EXPECT_EQ(sent(p.slot).status, Status::ok);
    // Across 4 GiB, within the hole.
    driver().send_file(p.slot, {}, file.range((4ULL << 30) - 5000, 10'000));
    EXPECT_TRUE(read(*p.peer, 10'000) == std::string(10'000, '\0'));
    EXPECT_EQ(sent(p.slot).status, Status::ok);
}

TEST_P(SendFile, ARangeLongerThanFourGiBIsTakenUp) {
    constexpr std::uint64_t kLength = 5ULL << 30;
    const Pair p = pair(Family::ipv4, {.small_window = true});
    const File file;
    file.truncate(kLength);
    driver().send_file(p.slot, {"head"}, file.range(0, kLength));
    EXPECT_TRUE(read(*p.peer, 100'004) == "head" + std::string(100'000, '\0'));
    pump_for(kMillisecond);
    EXPECT_FALSE(at(p.slot).send_end.has_value());
    close(p.slot);
    EXPECT_EQ(at(p.slot).send_end->status, Status::cancelled);
}

TEST_P(SendFile, OneFileToManyConnections) {
    const std::string bytes = pattern(1'000'000);
    const File file(bytes);
    std::vector<Pair> pairs;
    for (std::size_t i = 0; i < 20; ++i) {
        pairs.push_back(pair());
        driver().send_file(pairs.back().slot, {std::to_string(i % 10)},
                           file.range(i * 1000, bytes.size() - i * 1000));
    }
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const std::string expected = std::to_string(i % 10) + bytes.substr(i * 1000);
        EXPECT_TRUE(read(*pairs[i].peer, expected.size()) == expected) << "connection " << i;
    }
}

TEST_P(SendFile, AlternatingWithSend) {
    const Pair p = pair();
    const std::string bytes = pattern(50'000);
    const File file(bytes);
    for (std::size_t i = 0; i < 50; ++i) {
        const SendUrgency urgency = i % 5 == 0 ? SendUrgency::eager : SendUrgency::quiet;
        driver().send(p.slot, {"memory"}, urgency);
        ASSERT_EQ(read(*p.peer, 6), "memory");
        backend().wake();  // a quiet success may wait for other news
        EXPECT_EQ(sent(p.slot).status, Status::ok);
        driver().send_file(p.slot, {"file"}, file.range(i * 100, 10'000), urgency);
        ASSERT_TRUE(read(*p.peer, 10'004) == "file" + bytes.substr(i * 100, 10'000));
        backend().wake();  // a quiet success may wait for other news
        EXPECT_EQ(sent(p.slot).status, Status::ok);
    }
}

// --- Files that change ----------------------------------------------------------------------

TEST_P(SendFile, BeyondTheEndIsChanged) {
    const File file(pattern(10'000));
    for (const Extent c : kBeyondTenThousand) {
        const Pair p = pair();
        driver().send_file(p.slot, {"head"}, file.range(c.offset, c.length));
        const SendResult result = sent(p.slot, p.peer.get());
        EXPECT_EQ(result.status, Status::changed) << c.offset << "+" << c.length;
        EXPECT_LT(result.bytes, c.length + 4);
        close(p.slot);
    }
}

TEST_P(SendFile, TruncatedWhileItIsSent) {
    const std::string bytes = pattern(kLarge);
    const File file(bytes);
    for (const bool stamped : {true, false}) {
        const Pair p = pair(Family::ipv4, {.small_window = true});
        file.truncate(0);
        file.append(bytes);
        const FileStamp now = file.stamp();
        FileRange range = file.range(0, kLarge);
        range.stamp = stamped ? &now : nullptr;
        driver().send_file(p.slot, {}, range);
        pump_for(kSettle);
        file.truncate(100);
        EXPECT_EQ(sent(p.slot, p.peer.get()).status, Status::changed);
        close(p.slot);
    }
}

TEST_P(SendFile, EditedWhileItIsSent) {
    const std::string bytes = pattern(kLarge);
    const File file(bytes);
    const FileStamp stamp = file.stamp();
    const Pair p = pair(Family::ipv4, {.small_window = true});
    FileRange range = file.range(0, kLarge);
    range.stamp = &stamp;
    driver().send_file(p.slot, {}, range);
    pump_for(kSettle);
    file.write_at(kLarge - 10, "edited");
    EXPECT_EQ(sent(p.slot, p.peer.get()).status, Status::changed);
}

TEST_P(SendFile, AStampThatDoesNotMatch) {
    const File file(pattern(10'000));
    const FileStamp good = file.stamp();
    for (const FileStamp& stamp : wrong_stamps(good)) {
        const Pair p = pair();
        FileRange range = file.range(0, 10'000);
        range.stamp = &stamp;
        driver().send_file(p.slot, {"head"}, range);
        EXPECT_EQ(sent(p.slot, p.peer.get()).status, Status::changed);
        close(p.slot);
    }
    const Pair p = pair();
    FileRange range = file.range(0, 10'000);
    range.stamp = &good;
    driver().send_file(p.slot, {}, range);
    EXPECT_TRUE(read(*p.peer, 10'000) == pattern(10'000));
    EXPECT_EQ(sent(p.slot).status, Status::ok);
}

// Whether a moved stamp breaks a promise is the caller's to find out: until then the connection is
// as good as it was, and the bytes that were told are those that the peer gets.
TEST_P(SendFile, AfterAChangeTheNextSendGoesOnBehindWhatHasLeft) {
    const std::string bytes = pattern(kLarge);
    for (const std::uint64_t length : {kLarge, std::size_t{1'000'000}, std::size_t{10'000}}) {
        for (const bool before : {true, false}) {
            const File file(bytes);
            const FileStamp stamp = file.stamp();
            const Pair p = pair(Family::ipv4, {.small_window = true});
            if (before) {
                file.append("grown");
            }
            FileRange range = file.range(0, length);
            range.stamp = &stamp;
            driver().send_file(p.slot, {"head"}, range);
            if (!before) {
                pump_for(kSettle);
                file.append("grown");
            }
            std::string got;
            ASSERT_TRUE(pump([&] {
                got += p.peer->read(kLarge);
                return at(p.slot).send_end.has_value();
            }));
            const SendResult result = sent(p.slot);
            if (before) {
                EXPECT_EQ(result.status, Status::changed);
            }
            ASSERT_GE(result.bytes, 4U);
            ASSERT_LE(result.bytes, length + 4);
            const std::uint64_t left = result.bytes - 4;
            driver().send(p.slot, {"memory"}, SendUrgency::eager);
            got += read(*p.peer, result.bytes + 6 - got.size());
            EXPECT_EQ(sent(p.slot).status, Status::ok);
            EXPECT_TRUE(got == "head" + bytes.substr(0, left) + "memory")
                << length << " before " << before;
            const FileStamp now = file.stamp();
            range = file.range(left, kLarge - left);
            range.stamp = &now;
            driver().send_file(p.slot, {"more"}, range);
            EXPECT_TRUE(read(*p.peer, kLarge - left + 4) == "more" + bytes.substr(left));
            EXPECT_EQ(sent(p.slot).status, Status::ok);
            close(p.slot);
        }
    }
}

TEST_P(SendFile, AStampOfZerosIsNotLookedAt) {
    const Pair p = pair();
    const File file(pattern(10'000));
    const FileStamp none;
    FileRange range = file.range(0, 10'000);
    range.stamp = &none;
    driver().send_file(p.slot, {}, range);
    EXPECT_TRUE(read(*p.peer, 10'000) == pattern(10'000));
    EXPECT_EQ(sent(p.slot).status, Status::ok);
}

// --- Errors and closing ---------------------------------------------------------------------

TEST_P(SendFile, APeerThatIsGone) {
    const File file(pattern(kLarge));
    const Pair gone = pair();
    gone.peer->reset();
    pump_for(kSettle);
    driver().send_file(gone.slot, {"head"}, file.range(0, kLarge));
    EXPECT_EQ(sent(gone.slot).status, Status::reset);

    const Pair leaves = pair(Family::ipv4, {.small_window = true});
    driver().send_file(leaves.slot, {"head"}, file.range(0, kLarge));
    pump_for(kSettle);
    leaves.peer->reset();
    EXPECT_EQ(sent(leaves.slot).status, Status::reset);
}

TEST_P(SendFile, ShutdownWaitsForTheFile) {
    const std::string bytes = pattern(kLarge);
    const File file(bytes);
    const Pair p = pair(Family::ipv4, {.small_window = true});
    driver().send_file(p.slot, {}, file.range(0, kLarge));
    driver().shutdown_send(p.slot);
    EXPECT_TRUE(read(*p.peer, kLarge + 1) == bytes);
    EXPECT_TRUE(p.peer->eof());
    EXPECT_EQ(sent(p.slot).status, Status::ok);
}

TEST_P(SendFile, ReceivingGoesOnMeanwhile) {
    const std::string bytes = pattern(kLarge);
    const File file(bytes);
    const Pair p = pair();
    driver().recv_start(p.slot);
    driver().send_file(p.slot, {}, file.range(0, kLarge));
    const std::string in = pattern(1'000'000, 5);
    Feeder feeder(*p.peer, in);
    std::string out;
    EXPECT_TRUE(pump([&] {
        out += p.peer->read(kLarge);
        return feeder.step() && out.size() == kLarge && at(p.slot).received.size() == in.size();
    }));
    EXPECT_TRUE(out == bytes);
    EXPECT_TRUE(at(p.slot).received == in);
}

}  // namespace sluice::conformance
