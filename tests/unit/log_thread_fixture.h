// An access log thread that writes below a directory of its own, and its messages.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "log_fixture.h"
#include "serve/log_thread.h"
#include "until.h"

namespace sluice {

class LogThreadFixture : public http::LogWriterFixture {
  protected:
    void start(const std::string& path, unsigned workers = 1) {
        auto started = LogThread::start(path, http::LogFormat::common, workers,
                                        {.state_changed = [this] { ++changes_; },
                                         .say =
                                             [this](const std::string& line) {
                                                 const std::scoped_lock lock(mutex_);
                                                 lines_ += line + "\n";
                                             }});
        ASSERT_TRUE(started);
        log_ = std::move(*started);
    }
    [[nodiscard]] std::string said() {
        const std::scoped_lock lock(mutex_);
        return lines_;
    }

    std::atomic<int> changes_{0};
    std::unique_ptr<LogThread> log_;

  private:
    std::mutex mutex_;
    std::string lines_;
};

}  // namespace sluice
