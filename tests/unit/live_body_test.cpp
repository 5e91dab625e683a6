// Bodies from live files: whatever happens to the file while one is sent, a body that arrives whole
// has the promised bytes, and it arrives whole as long as the file has them. The test plays the
// backend, and a queue that reads lent bytes from the file as late as it can plays the sockets.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "http/body_stream.h"
#include "http/content_digest.h"
#include "http/fields.h"
#include "http1/response.h"
#include "tests/support/host.h"

namespace sluice::http {
namespace {

constexpr std::uint64_t kBlock = ContentDigest::kBlockBytes;
constexpr std::uint64_t kTail = 300'000;
constexpr std::uint64_t kSize = 3'000'001;

std::string random_bytes(std::size_t size, unsigned seed) {
    std::mt19937 random(seed);
    std::string bytes(size, '\0');
    for (char& byte : bytes) {
        byte = static_cast<char>(random());
    }
    return bytes;
}

// What lies between the server and its peer: at most kTail bytes, copied or lent.
class Sockets {
  public:
    explicit Sockets(const test::TempFile& file) : file_(file) {}

    void put(std::string_view bytes) { push({std::string(bytes), 0, bytes.size()}); }
    void lend(std::uint64_t offset, std::uint64_t size) { push({{}, offset, size}); }
    const std::string& finish() {
        read(0);
        return got_;
    }

  private:
    struct Part {
        std::string bytes;  // empty: lent
        std::uint64_t offset;
        std::uint64_t size;
    };
    void push(Part part) {
        queued_ += part.size;
        parts_.push_back(std::move(part));
        read(kTail);
    }
    // The peer reads until no more than this is left.
    void read(std::uint64_t left) {
        while (queued_ > left) {
            Part& part = parts_.front();
            const std::uint64_t size = std::min(part.size, queued_ - left);
            got_ += part.bytes.empty() ? test::read_at(file_.handle(), part.offset, size)
                                       : part.bytes.substr(part.offset, size);
            part.offset += size;
            part.size -= size;
            queued_ -= size;
            if (part.size == 0) {
                parts_.pop_front();
            }
        }
    }

    const test::TempFile& file_;
    std::deque<Part> parts_;
    std::uint64_t queued_ = 0;
    std::string got_;
};

class LiveBodyTest : public testing::Test {
  protected:
    LiveBodyTest() : bytes_(random_bytes(kSize, 1)), file_(bytes_) {
        entry_.size = kSize;
        entry_.etag = "\"x\"";
        entry_.file = file_.handle();
        entry_.stamp = file_.stamp();
        entry_.live = &live_;
        DigestMaker maker;
        maker.add(bytes_.data(), bytes_.size());
        digest_ = maker.finish();
        whole_.shape = BodyShape::whole;
        whole_.entry = &entry_;
    }
    void with_digest() { live_.digest = &digest_; }

    // Does something to the file and moves its stamp, even when the clock stands still.
    template <typename Do>
    void move(Do what) {
        const FileStamp before = file_.stamp();
        for (int i = 0; i < 1000 && file_.stamp() == before; ++i) {
            what();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        ASSERT_NE(file_.stamp(), before);
    }
    void touch() {
        move([this] { file_.write_at(0, bytes_.substr(0, 1)); });
    }
    void append() {
        move([this] { file_.append("more"); });
    }
    void edit(std::uint64_t at) {
        move([this, at] { file_.write_at(at, std::string(1, static_cast<char>(~bytes_[at]))); });
    }

    // send() sends the body as a backend does. Before the piece that begins with byte `when`, or
    // during it, it calls `what`. The result is what the peer got, and whether that was all.
    struct Sent {
        std::string bytes;
        bool whole;
    };
    template <typename Do>
    Sent send(const ResponsePlan& plan, std::uint64_t when, Do what) {
        BodyStream stream(plan, kTail, block_);
        Sockets sockets(file_);
        std::string out(16 * 1024, '\0');
        std::uint64_t sent = 0;
        bool done = false;
        const auto happen = [&](std::uint64_t upto) {
            if (!done && upto >= when) {
                done = true;
                what();
            }
        };
        while (!stream.finished()) {
            happen(sent);
            Slice slice;
            FileRange range;
            const std::size_t front = stream.next(out.data(), out.size(), slice, range);
            if (stream.broken()) {
                return {sockets.finish(), false};
            }
            sockets.put({out.data(), front});
            sent += front;
            std::uint64_t left = 0;
            const bool good =
                range.length == 0 || play(stream.copying(), range, sockets, left, sent, happen);
            sent += left;
            if (good) {
                stream.sent();
            } else if (!stream.changed(left)) {
                return {sockets.finish(), false};
            }
        }
        return {sockets.finish(), true};
    }

    std::string bytes_;
    test::TempFile file_;
    VerifiedBlock block_;
    ContentDigest digest_;
    LiveBytes live_;
    Entry entry_;
    ResponsePlan whole_;

  private:
    // False when the range ends with Status::changed; `left` is what has left of it.
    template <typename Happen>
    bool play(bool copy, const FileRange& range, Sockets& sockets, std::uint64_t& left,
              std::uint64_t sent, Happen happen) {
        constexpr std::uint64_t kStep = 100'000;
        while (left < range.length) {
            const std::uint64_t offset = range.offset + left;
            const std::uint64_t size = std::min(kStep, range.length - left);
            const std::string bytes = test::read_at(range.file, offset, size);
            if (bytes.size() < size || (copy && *range.stamp != file_.stamp())) {
                return false;
            }
            copy ? sockets.put(bytes) : sockets.lend(offset, size);
            left += size;
            happen(sent + left);
        }
        return *range.stamp == file_.stamp() || copy;
    }
};

constexpr std::uint64_t kWhen[] = {0,         1,         500'000,       1'048'576,
                                   1'500'000, 2'500'000, kSize - kTail, kSize - 10'000};

TEST_F(LiveBodyTest, AFileThatIsLeftAloneLeavesAsItIs) {
    const Sent sent = send(whole_, kSize, [] {});
    EXPECT_TRUE(sent.whole);
    EXPECT_TRUE(sent.bytes == bytes_);
}

TEST_F(LiveBodyTest, TimesAndGrowthCutNothing) {
    with_digest();
    for (const std::uint64_t when : kWhen) {
        entry_.stamp = file_.stamp();
        Sent sent = send(whole_, when, [this] { touch(); });
        EXPECT_TRUE(sent.whole && sent.bytes == bytes_) << "touched at " << when;
        entry_.stamp = file_.stamp();
        sent = send(whole_, when, [this] { append(); });
        EXPECT_TRUE(sent.whole && sent.bytes == bytes_) << "grown at " << when;
        file_.truncate(kSize);
    }
}

TEST_F(LiveBodyTest, NoByteOfAnotherVersionPassesWhereverItIsAndWhenever) {
    with_digest();
    for (const std::uint64_t when : kWhen) {
        for (const std::uint64_t at : {std::uint64_t{0}, std::uint64_t{900'000}, when,
                                       when - std::min<std::uint64_t>(when, kTail / 2),
                                       std::uint64_t{2'400'000}, kSize - kTail, kSize - 1}) {
            entry_.stamp = file_.stamp();
            const Sent sent = send(whole_, when, [&] { edit(at); });
            EXPECT_TRUE(!sent.whole || sent.bytes == bytes_)
                << "edited " << at << " at " << when << ": a mixed body";
            // The last copies have left as soon as they are made.
            EXPECT_TRUE(!sent.whole || at < when || when > kSize - kTail)
                << "byte " << at << " was still to come at " << when;
            file_.write_at(at, bytes_.substr(at, 1));
        }
    }
}

// rsync --inplace rewrites the file from the front, and in the end it is longer.
TEST_F(LiveBodyTest, ARewriteThatGrowsIsNoGrowth) {
    with_digest();
    const std::string other = random_bytes(kSize + 1000, 2);
    for (const std::uint64_t when : kWhen) {
        entry_.stamp = file_.stamp();
        const Sent sent = send(whole_, when, [&] { move([&] { file_.write_at(0, other); }); });
        EXPECT_TRUE(!sent.whole || sent.bytes == bytes_) << when;
        EXPECT_TRUE(!sent.whole || when > kSize - kTail) << when;
        file_.write_at(0, bytes_);
        file_.truncate(kSize);
    }
}

TEST_F(LiveBodyTest, AFileThatIsTooShortBreaksThePromise) {
    for (const bool digest : {false, true}) {
        live_.digest = digest ? &digest_ : nullptr;
        entry_.stamp = file_.stamp();
        EXPECT_FALSE(send(whole_, 500'000, [this] { file_.truncate(kSize - 1); }).whole);
        file_.append(bytes_.substr(kSize - 1));
    }
}

TEST_F(LiveBodyTest, WithoutADigestTheFactsDecide) {
    entry_.stamp.ctime_ns -= 1;  // as a link or new permissions move it
    const Sent sent = send(whole_, kSize, [] {});
    EXPECT_TRUE(sent.whole && sent.bytes == bytes_);
    entry_.stamp = file_.stamp();
    EXPECT_FALSE(send(whole_, 500'000, [this] { touch(); }).whole) << "a moved mtime counts";
    entry_.stamp = file_.stamp();
    EXPECT_FALSE(send(whole_, 500'000, [this] { append(); }).whole)
        << "it may have been written anew";
}

TEST_F(LiveBodyTest, ADigestThatComesMeanwhileCounts) {
    const Sent sent = send(whole_, 500'000, [this] {
        with_digest();
        touch();
    });
    EXPECT_TRUE(sent.whole && sent.bytes == bytes_);
}

// The file's stamp moves faster than it can be compared.
TEST_F(LiveBodyTest, AFileThatGrowsAllTheTimeIsSentWhole) {
    with_digest();
    BodyStream stream(whole_, kSize, block_);  // with this tail all of it is copied
    std::string got;
    std::string out(16 * 1024, '\0');
    for (int pieces = 0; !stream.finished(); ++pieces) {
        ASSERT_LT(pieces, 1000);
        append();
        Slice slice;
        FileRange range;
        got.append(out.data(), stream.next(out.data(), out.size(), slice, range));
        ASSERT_FALSE(stream.broken());
        if (range.length != 0) {
            ASSERT_TRUE(stream.changed(0));
        } else {
            stream.sent();
        }
    }
    EXPECT_TRUE(got == bytes_);
}

TEST_F(LiveBodyTest, RangesKeepTheirPlaces) {
    with_digest();
    ResponsePlan ranges;
    ranges.status = 206;
    ranges.shape = BodyShape::ranges;
    ranges.entry = &entry_;
    ranges.range_count = 1;
    for (const ByteRange range : {ByteRange{5, 1'000'000}, ByteRange{kBlock - 1, 2},
                                  ByteRange{kSize - 1, 1}, ByteRange{1'234'567, 1'700'000}}) {
        ranges.ranges[0] = range;
        for (const std::uint64_t when : {std::uint64_t{0}, range.length / 2, range.length - 1}) {
            entry_.stamp = file_.stamp();
            const Sent sent = send(ranges, when, [this] { touch(); });
            EXPECT_TRUE(sent.whole && sent.bytes == bytes_.substr(range.first, range.length))
                << range.first << "+" << range.length << " at " << when;
        }
    }
    ranges.shape = BodyShape::multipart;
    ranges.range_count = 3;
    ranges.ranges[0] = {2'000'000, 800'000};
    ranges.ranges[1] = {10, 10};
    ranges.ranges[2] = {100'000, 900'000};
    entry_.stamp = file_.stamp();
    const std::string undisturbed = send(ranges, kSize, [] {}).bytes;
    EXPECT_EQ(undisturbed.size(), body_bytes(ranges));
    for (const std::uint64_t when : {0U, 400'000U, 800'200U, 1'000'000U, 1'690'000U}) {
        entry_.stamp = file_.stamp();
        Sent sent = send(ranges, when, [this] { touch(); });
        EXPECT_TRUE(sent.whole && sent.bytes == undisturbed) << when;
        entry_.stamp = file_.stamp();
        sent = send(ranges, when, [this] { edit(700'000); });
        EXPECT_TRUE(!sent.whole || sent.bytes == undisturbed) << when;
        file_.write_at(700'000, bytes_.substr(700'000, 1));
    }
}

TEST_F(LiveBodyTest, RandomTroubleMixesNothing) {
    with_digest();
    std::mt19937 random(3);
    for (int round = 0; round < 60; ++round) {
        entry_.stamp = file_.stamp();
        const std::uint64_t at = random() % kSize;
        const int kind = static_cast<int>(random() % 3);
        const Sent sent = send(whole_, random() % kSize, [&] {
            kind == 0 ? touch() : kind == 1 ? append() : edit(at);
        });
        EXPECT_TRUE(!sent.whole || sent.bytes == bytes_) << round;
        EXPECT_TRUE(kind == 2 || sent.whole) << round;
        file_.truncate(kSize);
        file_.write_at(at, bytes_.substr(at, 1));
    }
}

}  // namespace
}  // namespace sluice::http
