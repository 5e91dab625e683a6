// Reading files into memory.
#include "tests/conformance/fixture.h"
#include "tests/support/host.h"

namespace sluice::conformance {

namespace {

using File = test::TempFile;

constexpr std::size_t kLarge = 10'000'000;

}  // namespace

class ReadFile : public Conformance {
  protected:
    SendResult read_whole(Slot slot, const FileRange& range) {
        driver().read(slot, range);
        return read_ended(slot);
    }
    SendResult read_ended(Slot slot) {
        EXPECT_TRUE(pump([&] { return at(slot).read_end.has_value(); }));
        return at(slot).read_end.value_or(SendResult{Status::io_error, 0});
    }
};
INSTANTIATE_TEST_SUITE_P(Backend, ReadFile, testing::ValuesIn(configurations()),
                         configuration_name);

TEST_P(ReadFile, RangesOfEverySize) {
    const Pair p = pair();
    const std::string bytes = pattern(kLarge);
    const File file(bytes);
    for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{4096},
                                     std::size_t{50'000}, std::size_t{1} << 20, kLarge - 777}) {
        const SendResult result = read_whole(p.slot, file.range(777, length));
        EXPECT_EQ(result.status, Status::ok);
        ASSERT_EQ(result.bytes, length);
        EXPECT_TRUE(at(p.slot).read_memory == bytes.substr(777, length)) << length;
    }
}

TEST_P(ReadFile, BeyondTheEndIsChanged) {
    const Pair p = pair();
    const File file(pattern(10'000));
    for (const Extent c : kBeyondTenThousand) {
        const SendResult result = read_whole(p.slot, file.range(c.offset, c.length));
        EXPECT_EQ(result.status, Status::changed) << c.offset << "+" << c.length;
        EXPECT_LT(result.bytes, c.length);
    }
    // The connection is as good as it was.
    EXPECT_EQ(read_whole(p.slot, file.range(0, 10'000)).status, Status::ok);
}

TEST_P(ReadFile, AStampThatDoesNotMatch) {
    const Pair p = pair();
    const File file(pattern(10'000));
    const FileStamp good = file.stamp();
    FileRange range = file.range(0, 10'000);
    for (const FileStamp& stamp : wrong_stamps(good)) {
        range.stamp = &stamp;
        EXPECT_EQ(read_whole(p.slot, range).status, Status::changed);
    }
    const FileStamp none;
    for (const FileStamp* stamp : {&good, &none}) {
        range.stamp = stamp;
        EXPECT_EQ(read_whole(p.slot, range).status, Status::ok);
        EXPECT_TRUE(at(p.slot).read_memory == pattern(10'000));
    }
}

// The way of a file system that may not answer: nothing about it is asked on this thread.
TEST_P(ReadFile, RemoteRangesAreReadAsWell) {
    const Pair p = pair();
    const File file(pattern(300'000));
    const FileStamp good = file.stamp();
    FileStamp wrong = good;
    wrong.mtime_ns += 1;
    FileRange range = file.range(1000, 200'000);
    range.remote = true;
    for (const FileStamp* stamp : {&good, static_cast<const FileStamp*>(nullptr)}) {
        range.stamp = stamp;
        EXPECT_EQ(read_whole(p.slot, range).status, Status::ok);
        EXPECT_TRUE(at(p.slot).read_memory == pattern(300'000).substr(1000, 200'000));
    }
    range.stamp = &wrong;
    EXPECT_EQ(read_whole(p.slot, range).status, Status::changed);
    range.stamp = nullptr;
    range.length = 300'000;
    EXPECT_EQ(read_whole(p.slot, range).status, Status::changed);
}

TEST_P(ReadFile, ManyAtOnceOfOneFile) {
    const std::string bytes = pattern(2'000'000);
    const File file(bytes);
    std::vector<Pair> pairs;
    for (std::size_t i = 0; i < 40; ++i) {
        pairs.push_back(pair());
        FileRange range = file.range(i * 1000, 1'000'000);
        range.remote = i % 2 == 0;
        driver().read(pairs.back().slot, range);
    }
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const Slot slot = pairs[i].slot;
        EXPECT_EQ(read_ended(slot).status, Status::ok);
        EXPECT_TRUE(at(slot).read_memory == bytes.substr(i * 1000, 1'000'000)) << i;
    }
}

TEST_P(ReadFile, SendingAndReceivingGoOnMeanwhile) {
    const Pair p = pair();
    const std::string bytes = pattern(kLarge);
    const File file(bytes);
    driver().recv_start(p.slot);
    FileRange range = file.range(0, kLarge);
    range.remote = true;
    driver().read(p.slot, range);
    driver().send(p.slot, "out");
    write(*p.peer, "in");
    EXPECT_EQ(read(*p.peer, 3), "out");
    EXPECT_EQ(sent(p.slot).status, Status::ok);
    EXPECT_TRUE(pump([&] { return at(p.slot).received == "in"; }));
    EXPECT_EQ(read_ended(p.slot).status, Status::ok);
    EXPECT_TRUE(at(p.slot).read_memory == bytes);
}

// The file may be edited as soon as the read has ended: the bytes are the reader's.
TEST_P(ReadFile, WhatWasReadIsNotReachedByALaterEdit) {
    const Pair p = pair();
    const std::string before = pattern(100'000, 1);
    const File file(before);
    const FileStamp stamp = file.stamp();
    FileRange range = file.range(0, before.size());
    range.stamp = &stamp;
    ASSERT_EQ(read_whole(p.slot, range).status, Status::ok);
    file.write_at(0, pattern(100'000, 2));
    EXPECT_TRUE(at(p.slot).read_memory == before);
    EXPECT_EQ(read_whole(p.slot, range).status, Status::changed);
}

TEST_P(ReadFile, APeerThatIsGoneDisturbsNoRead) {
    const Pair p = pair();
    const File file(pattern(10'000));
    p.peer->reset();
    pump_for(kSettle);
    EXPECT_EQ(read_whole(p.slot, file.range(0, 10'000)).status, Status::ok);
}

// The memory belongs to the backend until the read has ended, and close() tells of its end after
// that: the driver sees to it.
TEST_P(ReadFile, CloseWaitsForTheRead) {
    const File file(pattern(kLarge));
    for (const bool remote : {false, true}) {
        for (int i = 0; i < 20; ++i) {
            const Pair p = pair();
            FileRange range = file.range(0, kLarge);
            range.remote = remote;
            driver().read(p.slot, range);
            close(p.slot);
            EXPECT_TRUE(at(p.slot).read_end.has_value());
        }
    }
}

}  // namespace sluice::conformance
