// Site: the files that the transcripts are about, on disk and loaded, once for all of them.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "content/store.h"
#include "core/check.h"
#include "http1/response.h"
#include "tests/support/host.h"
#include "transcript.h"

namespace sluice::transcripts {

class Site {
  public:
    Site() {
        root_ = test::make_temp_directory();
        make_site(root_);
        http::ContentOptions options;
        options.root = root_;
        options.prepare = http::prepare_heads;
        auto store = http::ContentStore::open(options);
        CHECK(store.has_value());
        store_ = std::move(*store);
        judge_siblings();
    }
    ~Site() {
        store_.reset();
        std::error_code ignored;
        std::filesystem::remove_all(root_, ignored);
    }
    Site(const Site&) = delete;
    Site& operator=(const Site&) = delete;

    [[nodiscard]] http::ContentStore& store() { return *store_; }

  private:
    // The checks run in the background and take an unknown time, so this waits for them.
    void judge_siblings() {
        using Clock = std::chrono::steady_clock;
        const auto end = Clock::now() + std::chrono::seconds(10);
        while (store_->stats().checks != 0) {
            CHECK(Clock::now() < end);
            store_->step(std::chrono::nanoseconds(Clock::now().time_since_epoch()).count());
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }

    std::string root_;
    std::unique_ptr<http::ContentStore> store_;
};

}  // namespace sluice::transcripts
