// Writer: puts text into a buffer of the caller's, and remembers when it did not fit. Inline,
// because every response goes through it.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::http {

class Writer {
  public:
    Writer(char* out, std::size_t room) noexcept : begin_(out), next_(out), end_(out + room) {}

    void put(std::string_view text) noexcept {
        if (text.size() > left()) [[unlikely]] {
            fail();
            return;
        }
        if (!text.empty()) {  // memcpy takes no null pointer, not even with size 0
            std::memcpy(next_, text.data(), text.size());
        }
        next_ += text.size();
    }
    void put_number(std::uint64_t number) noexcept {
        const std::to_chars_result result = std::to_chars(next_, end_, number);
        if (result.ec != std::errc{}) {
            fail();
            return;
        }
        next_ = result.ptr;
    }

    [[nodiscard]] std::size_t left() const noexcept {
        return static_cast<std::size_t>(end_ - next_);
    }
    // Bytes so far; 0 when anything did not fit.
    [[nodiscard]] std::size_t written() const noexcept {
        return failed_ ? 0 : static_cast<std::size_t>(next_ - begin_);
    }

  private:
    void fail() noexcept {
        failed_ = true;
        end_ = next_;  // nothing shorter may follow
    }

    char* begin_;
    char* next_;
    char* end_;
    bool failed_ = false;
};

}  // namespace sluice::http
