#include "content/sibling_check.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "content/decoder.h"

namespace sluice::http {
namespace {

constexpr std::size_t kCheckedBytes = 64 * 1024;

// Reads a file from beginning to end.
class SequentialFile {
  public:
    explicit SequentialFile(const ReadAt& read)
        : read_(read), buffer_(std::make_unique_for_overwrite<char[]>(kCheckedBytes)) {}

    // What was read and not consumed: some bytes, none at the end; an error when reading fails.
    [[nodiscard]] std::expected<std::string_view, Status> rest() {
        if (rest_.empty() && !ended_) {
            const auto got = read_(offset_, buffer_.get(), kCheckedBytes);
            if (!got) {
                return std::unexpected(got.error());
            }
            offset_ += *got;
            ended_ = *got == 0;
            rest_ = {buffer_.get(), *got};
        }
        return rest_;
    }
    void take(std::size_t bytes) { rest_.remove_prefix(bytes); }

  private:
    const ReadAt& read_;
    std::unique_ptr<char[]> buffer_;
    std::uint64_t offset_ = 0;
    std::string_view rest_;
    bool ended_ = false;
};

// Whether `bytes` are the next ones of `file`.
SiblingVerdict compare(SequentialFile& file, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto expected = file.rest();
        if (!expected) {
            return SiblingVerdict::cannot_tell;
        }
        const std::size_t common = std::min(expected->size(), bytes.size());
        if (common == 0 || std::memcmp(expected->data(), bytes.data(), common) != 0) {
            return SiblingVerdict::different;
        }
        file.take(common);
        bytes.remove_prefix(common);
    }
    return SiblingVerdict::same;
}

}  // namespace

SiblingVerdict check_sibling(Coding coding, const ReadAt& file, const ReadAt& sibling,
                             const std::stop_token& stop) {
    const std::unique_ptr<Decoder> decoder = make_decoder(coding);
    if (decoder == nullptr) {
        return SiblingVerdict::cannot_tell;
    }
    SequentialFile plain(file);
    SequentialFile coded(sibling);
    const auto decoded = std::make_unique_for_overwrite<char[]>(kCheckedBytes);
    while (!stop.stop_requested()) {
        const auto given = coded.rest();
        if (!given) {
            return SiblingVerdict::cannot_tell;
        }
        std::string_view in = *given;
        std::span<char> out(decoded.get(), kCheckedBytes);
        switch (decoder->decode(in, out)) {
            case Decoder::State::going: break;
            case Decoder::State::broken: return SiblingVerdict::different;
            case Decoder::State::failed: return SiblingVerdict::cannot_tell;
        }
        const std::size_t took = given->size() - in.size();
        const std::size_t made = kCheckedBytes - out.size();
        coded.take(took);
        if (const auto verdict = compare(plain, {decoded.get(), made});
            verdict != SiblingVerdict::same) {
            return verdict;
        }
        if (took == 0 && made == 0) {
            const auto left = plain.rest();
            if (!left) {
                return SiblingVerdict::cannot_tell;
            }
            return given->empty() && decoder->may_end() && left->empty()
                       ? SiblingVerdict::same
                       : SiblingVerdict::different;
        }
    }
    return SiblingVerdict::cannot_tell;
}

}  // namespace sluice::http
