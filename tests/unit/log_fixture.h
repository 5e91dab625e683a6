// Shared by the tests of the access log: a record, its line, and a writer in a directory of its
// own.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "log/access_log.h"
#include "log/log_writer.h"
#include "tests/support/host.h"

namespace sluice::http {

inline constexpr std::int64_t kSomeTime = 971'211'336;  // 2000-10-10 20:55:36 UTC

inline const Endpoint kPeer{
    .family = Family::ipv4, .address = {192, 0, 2, 7}, .port = 4711, .path = {}};

inline LogRecord record_of(std::string_view line) {
    LogRecord record;
    record.peer = &kPeer;
    record.request_line = line;
    record.status = 200;
    record.body_bytes = 509;
    return record;
}

inline std::string format_line(LogFormat kind, const LogRecord& record,
                               std::int64_t time = kSomeTime) {
    LogClock clock;
    clock.update(time);
    std::vector<char> out(kLogLineMax);
    return {out.data(), format_log_line(kind, record, clock, out.data())};
}

class LogWriterFixture : public ::testing::Test {
  protected:
    ~LogWriterFixture() override { std::filesystem::remove_all(directory_); }

    [[nodiscard]] std::string path(std::string_view name) const {
        return directory_ + "/" + std::string(name);
    }
    static std::string contents(const std::string& path) {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    std::function<void(const std::string&)> say() {
        return [this](const std::string& line) { said_.push_back(line); };
    }
    static void write(AccessLogSink& sink, std::string_view text) {
        sink.write(record_of(text), kSomeTime);
    }
    static std::string line(std::string_view text) {
        return format_line(LogFormat::common, record_of(text));
    }

    const std::string directory_ = test::make_temp_directory();
    std::vector<std::string> said_;
};

// Several workers that log at the same time.
class LoggingWorkers {
  public:
    static constexpr int kWorkers = 3;
    static constexpr int kLines = 3000;

    LoggingWorkers() {
        for (int i = 0; i < kWorkers; ++i) {
            sinks_.push_back(std::make_unique<AccessLogSink>(LogFormat::common));
        }
    }
    [[nodiscard]] std::vector<AccessLogSink*> sinks() const {
        std::vector<AccessLogSink*> pointers;
        for (const auto& sink : sinks_) {
            pointers.push_back(sink.get());
        }
        return pointers;
    }
    void start() {
        for (int worker = 0; worker < kWorkers; ++worker) {
            threads_.emplace_back([this, worker] {
                for (int i = 0; i < kLines; ++i) {
                    const std::string line = std::to_string(worker) + " " + std::to_string(i);
                    sinks_[static_cast<std::size_t>(worker)]->write(record_of(line), kSomeTime);
                }
            });
        }
    }
    void join() {
        for (std::thread& thread : threads_) {
            thread.join();
        }
    }
    // Every line came once, whole, in its worker's order.
    static void expect_all_in(const std::string& received) {
        std::vector<int> next(kWorkers, 0);
        std::istringstream stream(received);
        for (std::string text; std::getline(stream, text);) {
            const std::size_t quote = text.find('"');
            ASSERT_NE(quote, std::string::npos) << text;
            int worker = -1;
            int number = -1;
            ASSERT_EQ(std::sscanf(text.c_str() + quote, "\"%d %d\" 200 509", &worker, &number), 2)
                << text;
            ASSERT_TRUE(worker >= 0 && worker < kWorkers);
            EXPECT_EQ(number, next[static_cast<std::size_t>(worker)]++);
        }
        EXPECT_THAT(next, testing::Each(kLines));
    }

  private:
    std::vector<std::unique_ptr<AccessLogSink>> sinks_;
    std::vector<std::thread> threads_;
};

}  // namespace sluice::http
