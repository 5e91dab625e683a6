// CaptureFile reads what libpcap reads: the same frames of every capture in the fuzz corpus,
// whole, cut anywhere, and with the other byte order.
#include "wire/capture_file.h"

#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace sluice::wire {
namespace {

namespace fs = std::filesystem;

class File {
  public:
    explicit File(const std::string& bytes)
        : path_((fs::temp_directory_path() /
                 ("sluice-capture-" + std::to_string(reinterpret_cast<std::uintptr_t>(this))))
                    .string()) {
        std::ofstream(path_, std::ios::binary) << bytes;
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() { fs::remove(path_); }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
};

std::string bytes_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

struct Seen {
    Nanos time;
    std::uint32_t length;
    std::string bytes;
    bool operator==(const Seen&) const = default;
};

struct Reading {
    bool opened = false;
    int link_type = -1;
    std::vector<Seen> frames;
    bool broke_off = false;
};

Reading read_by_libpcap(const std::string& path) {
    Reading reading;
    char why[PCAP_ERRBUF_SIZE] = "";
    const std::unique_ptr<pcap_t, decltype(&pcap_close)> file(
        pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, why),
        &pcap_close);
    if (file == nullptr) {
        return reading;
    }
    // DLT_RAW differs between systems; files use 101 (pcap-linktype(7)).
    const int type = pcap_datalink(file.get());
    reading.link_type = type == DLT_RAW ? 101 : type;
    reading.opened = link_of(reading.link_type) != Link::unknown;
    if (!reading.opened) {
        reading.link_type = -1;
        return reading;
    }
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    int got = 0;
    while ((got = pcap_next_ex(file.get(), &header, &bytes)) == 1) {
        reading.frames.push_back(
            {frame_time(header->ts.tv_sec, header->ts.tv_usec), header->len,
             std::string(reinterpret_cast<const char*>(bytes), header->caplen)});
    }
    reading.broke_off = got != PCAP_ERROR_BREAK;
    return reading;
}

Reading read_by_ours(const std::string& path) {
    Reading reading;
    auto file = CaptureFile::open(path);
    reading.opened = file.has_value() && link_of(file->link_type()) != Link::unknown;
    if (reading.opened) {
        reading.link_type = file->link_type();
        while (const CaptureFile::Record* record = file->next()) {
            reading.frames.push_back({record->time, record->length, std::string(record->bytes)});
        }
        reading.broke_off = !file->error().empty();
    }
    return reading;
}

std::size_t expect_same(const std::string& path, const std::string& what) {
    const Reading theirs = read_by_libpcap(path);
    const Reading ours = read_by_ours(path);
    EXPECT_EQ(ours.opened, theirs.opened) << what;
    EXPECT_EQ(ours.link_type, theirs.link_type) << what;
    EXPECT_EQ(ours.broke_off, theirs.broke_off) << what;
    EXPECT_EQ(ours.frames.size(), theirs.frames.size()) << what;
    EXPECT_TRUE(ours.frames == theirs.frames) << what;
    return ours.frames.size();
}

std::vector<fs::path> captures() {
    std::vector<fs::path> all;
    for (const auto& entry : fs::directory_iterator(SLUICE_CAPTURES)) {
        all.push_back(entry.path());
    }
    std::sort(all.begin(), all.end());
    return all;
}

template <typename Number>
void turn(std::string& bytes, std::size_t at) {
    Number number;
    std::memcpy(&number, bytes.data() + at, sizeof number);
    number = std::byteswap(number);
    std::memcpy(bytes.data() + at, &number, sizeof number);
}

std::uint32_t number_at(const std::string& bytes, std::size_t at) {
    std::uint32_t number = 0;
    std::memcpy(&number, bytes.data() + at, sizeof number);
    return number;
}

// The same frames as pcapng: in either byte order, with any time resolution, in packet blocks of
// both kinds, between unknown blocks.
class Blocks {
  public:
    Blocks(bool turned, int link_type, std::uint8_t resolution) : turned_(turned) {
        begin(0x0a0d0d0a);
        put<std::uint32_t>(0x1a2b3c4d);
        put<std::uint16_t>(1);
        put<std::uint16_t>(0);
        put<std::uint64_t>(~std::uint64_t{0});
        end();
        add_unknown();
        begin(1);
        put<std::uint16_t>(static_cast<std::uint16_t>(link_type));
        put<std::uint16_t>(0);
        put<std::uint32_t>(65'535);
        put<std::uint16_t>(9);
        put<std::uint16_t>(1);
        out_ += static_cast<char>(resolution);
        out_.append(3, '\0');
        put<std::uint32_t>(0);
        end();
    }
    void add_unknown() {
        begin(0x0bad);
        out_ += "what?   ";
        end();
    }
    void add_packet(std::uint64_t units, std::uint32_t length, const std::string& bytes) {
        begin(6);
        put<std::uint32_t>(0);
        put<std::uint32_t>(static_cast<std::uint32_t>(units >> 32));
        put<std::uint32_t>(static_cast<std::uint32_t>(units));
        put<std::uint32_t>(static_cast<std::uint32_t>(bytes.size()));
        put<std::uint32_t>(length);
        add_padded(bytes);
        end();
    }
    void add_simple(const std::string& bytes) {
        begin(3);
        put<std::uint32_t>(static_cast<std::uint32_t>(bytes.size()));
        add_padded(bytes);
        end();
    }
    [[nodiscard]] const std::string& bytes() const { return out_; }

  private:
    template <typename Number>
    void put(Number number) {
        number = turned_ ? std::byteswap(number) : number;
        out_.append(reinterpret_cast<const char*>(&number), sizeof number);
    }
    void add_padded(const std::string& bytes) {
        out_ += bytes;
        out_.append((4 - bytes.size() % 4) % 4, '\0');
    }
    void begin(std::uint32_t type) {
        begin_ = out_.size();
        put(type);
        put<std::uint32_t>(0);
    }
    void end() {
        const auto length = static_cast<std::uint32_t>(out_.size() - begin_ + 4);
        put(length);
        std::memcpy(out_.data() + begin_ + 4, out_.data() + out_.size() - 4, 4);
    }

    const bool turned_;
    std::string out_;
    std::size_t begin_ = 0;
};

}  // namespace

TEST(CaptureFile, Pcapng) {
    struct Clock {
        std::uint8_t resolution;
        std::uint64_t units_per_second;
    };
    constexpr Clock kClocks[] = {{6, 1'000'000}, {9, 1'000'000'000}, {3, 1'000}, {0x8a, 1'024}};
    std::size_t frames = 0;
    for (const fs::path& path : captures()) {
        const Reading reading = read_by_libpcap(path.string());
        for (const bool turned : {false, true}) {
            for (const auto& [resolution, units_per_second] : kClocks) {
                Blocks blocks(turned, reading.link_type, resolution);
                for (const Seen& one : reading.frames) {
                    const auto seconds = static_cast<std::uint64_t>(one.time / kSecond);
                    const auto rest = static_cast<std::uint64_t>(one.time % kSecond);
                    blocks.add_packet(seconds * units_per_second +
                                          rest * units_per_second / std::uint64_t{kSecond},
                                      one.length, one.bytes);
                }
                blocks.add_unknown();
                blocks.add_simple(reading.frames.empty() ? "" : reading.frames.front().bytes);
                const File file(blocks.bytes());
                frames += expect_same(file.path(), path.filename().string() + " as pcapng");
                const File cut(blocks.bytes().substr(0, blocks.bytes().size() * 2 / 3 + 1));
                (void)expect_same(cut.path(), path.filename().string() + " as pcapng, cut");
            }
        }
    }
    EXPECT_GT(frames, 1000U);
}

TEST(CaptureFile, ReadsWhatLibpcapReads) {
    std::size_t files = 0;
    std::size_t frames = 0;
    for (const fs::path& path : captures()) {
        ++files;
        frames += expect_same(path.string(), path.filename().string());
    }
    EXPECT_GT(files, 10U);
    EXPECT_GT(frames, 100U);
}

TEST(CaptureFile, AFileThatIsCutEndsWhereLibpcapSays) {
    const std::vector<fs::path> all = captures();
    for (std::size_t i = 0; i < all.size(); i += 4) {
        const std::string bytes = bytes_of(all[i]);
        const std::size_t step = std::max<std::size_t>(1, bytes.size() / 60);
        for (std::size_t size = 0; size < bytes.size(); size += step) {
            const File cut(bytes.substr(0, size));
            (void)expect_same(cut.path(),
                              all[i].filename().string() + " cut at " + std::to_string(size));
        }
    }
}

TEST(CaptureFile, TheOtherByteOrder) {
    std::size_t turned = 0;
    for (const fs::path& path : captures()) {
        std::string bytes = bytes_of(path);
        if (bytes.size() < 24 ||
            (number_at(bytes, 0) != 0xa1b2c3d4 && number_at(bytes, 0) != 0xa1b23c4d)) {
            continue;
        }
        std::size_t at = 24;
        bool whole = true;
        while (at < bytes.size() && whole) {
            const std::size_t captured = at + 16 <= bytes.size() ? number_at(bytes, at + 8) : 0;
            whole = at + 16 + captured <= bytes.size();
            for (std::size_t field = 0; whole && field < 16; field += 4) {
                turn<std::uint32_t>(bytes, at + field);
            }
            at += 16 + captured;
        }
        if (!whole) {
            continue;
        }
        for (const std::size_t field : {0U, 8U, 12U, 16U, 20U}) {
            turn<std::uint32_t>(bytes, field);
        }
        turn<std::uint16_t>(bytes, 4);
        turn<std::uint16_t>(bytes, 6);
        const File file(bytes);
        const Reading before = read_by_ours(path.string());
        const Reading after = read_by_ours(file.path());
        EXPECT_TRUE(before.frames == after.frames) << path;
        (void)expect_same(file.path(), path.filename().string() + " turned");
        ++turned;
    }
    EXPECT_GT(turned, 3U);
}

}  // namespace sluice::wire
