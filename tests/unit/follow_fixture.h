// A content store with all of its files live, for tests of how it follows them.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <string_view>

#include "content/store.h"
#include "http/content_digest.h"
#include "store_fixture.h"

namespace sluice::http {

inline constexpr std::size_t kLargeBytes = 400'000;  // more than three blocks

class ContentFollowTest : public test::StoreTest {
  protected:
    ContentFollowTest() { options_.memory_budget_bytes = 0; }

    [[nodiscard]] std::string etag(std::string_view path) const {
        const Entry* entry = find(path);
        return entry != nullptr ? entry->etag : "(nothing)";
    }
    [[nodiscard]] bool weak(std::string_view path) const { return etag(path).starts_with("W/"); }
    [[nodiscard]] bool strong(std::string_view path, std::string_view bytes) {
        return step_until([&] { return etag(path) == test::content_etag(bytes); });
    }
    // As when a line is written to a log: in place, with the current time.
    void append(std::string_view name, std::string_view text) const {
        std::ofstream file(tree_.path(name), std::ios::binary | std::ios::app);
        ASSERT_TRUE(file << text << std::flush);
    }
    // Other bytes in the same file.
    void rewrite(std::string_view name, std::string_view text) const {
        std::fstream file(tree_.path(name), std::ios::binary | std::ios::in | std::ios::out);
        ASSERT_TRUE(file << text << std::flush);
    }
    static std::string text(char fill, std::size_t size = kLargeBytes) {
        std::string bytes(size, fill);
        for (std::size_t i = 0; i < size; i += 1000) {
            bytes[i] = static_cast<char>('0' + i / 1000 % 10);
        }
        return bytes;
    }
    [[nodiscard]] const ContentDigest* digest(std::string_view path) const {
        return find(path)->live->digest.load();
    }
};

}  // namespace sluice::http
