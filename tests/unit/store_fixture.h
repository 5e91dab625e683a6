// A content store over a temporary tree, stepped by the test itself.
#pragma once

#include <gtest/gtest.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "content/store.h"
#include "core/clock.h"
#include "http1/response.h"
#include "temp_tree.h"

namespace sluice::test {

inline Nanos monotonic_now() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

// The bytes that an entry promises, read as a worker would.
inline std::string body_of(const http::Entry& entry) {
    if (entry.in_memory()) {
        return std::string(entry.memory());
    }
    return read_at(entry.file, entry.file_offset, entry.size);
}

inline std::string content_etag(std::string_view body, std::string_view suffix = "") {
    std::array<char, 17> text{};
    std::snprintf(text.data(), text.size(), "%016llx",
                  static_cast<unsigned long long>(XXH3_64bits(body.data(), body.size())));
    return '"' + std::string(text.data()) + std::string(suffix) + '"';
}

class StoreTest : public testing::Test {
  protected:
    void open() {
        if (options_.root.empty()) {
            options_.root = tree_.root();
        }
        options_.prepare = http::prepare_heads;
        options_.warn = [this](std::string_view line) {
            if (line.find("this file system does not tell") == std::string_view::npos) {
                warnings_.emplace_back(line);
            }
        };
        auto opened = http::ContentStore::open(options_);
        ASSERT_TRUE(opened) << opened.error().what;
        store_ = std::move(*opened);
        view_ = std::make_unique<http::ContentView>();
        store_->attach(*view_, [this] { ++wakes_; });
        ASSERT_TRUE(view_->refresh());
    }

    void TearDown() override {
        view_.reset();
        store_.reset();
    }

    [[nodiscard]] const http::Entry* find(std::string_view path) const {
        return view_->current().find(path);
    }
    [[nodiscard]] std::string body(std::string_view path) const {
        const http::Entry* entry = find(path);
        return entry != nullptr ? body_of(*entry) : "(nothing)";
    }

    // Does what the loader's thread does, until the condition holds; false when it does not in
    // time. A store that polls gets a clock that jumps ahead instead of waiting.
    [[nodiscard]] bool step_until(const std::function<bool()>& condition,
                                  Nanos within = 5 * kSecond) {
        const Nanos end = monotonic_now() + within;
        for (;;) {
            store_->step(monotonic_now() + ahead_);
            (void)view_->refresh();
            if (condition()) {
                return true;
            }
            const Nanos now = monotonic_now();
            if (now >= end) {
                return false;
            }
            Nanos wait = std::max<Nanos>(store_->next_deadline() - now - ahead_, 0);
            if (!tells_every_change() || !store_->stats().watching) {
                ahead_ += std::max<Nanos>(wait - kWaitMax, 0);
                wait = std::min(wait, kWaitMax);
            }
            wait_readable(store_->wait_handle(), std::min(wait, end - now));
        }
    }
    void step_for(Nanos duration) {
        (void)step_until([] { return false; }, duration);
    }
    [[nodiscard]] bool warned(std::string_view part) const {
        return std::any_of(warnings_.begin(), warnings_.end(), [part](const std::string& line) {
            return line.find(part) != std::string::npos;
        });
    }

    static constexpr Nanos kWaitMax = 5 * kMillisecond;

    TempTree tree_;
    Nanos ahead_ = 0;  // of the store's clock
    http::ContentOptions options_;
    std::vector<std::string> warnings_;
    int wakes_ = 0;
    std::unique_ptr<http::ContentStore> store_;
    std::unique_ptr<http::ContentView> view_;
};

}  // namespace sluice::test
