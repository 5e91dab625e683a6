// A temporary directory for a test, removed with everything in it afterwards.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "system/path.h"
#include "tests/support/host.h"

namespace sluice::test {

class TempTree {
  public:
    TempTree() : base_(make_temp_directory()) { std::filesystem::create_directory(root()); }
    TempTree(const TempTree&) = delete;
    TempTree& operator=(const TempTree&) = delete;
    ~TempTree() {
        std::error_code ignored;
        std::filesystem::remove_all(base_, ignored);
    }

    // The root to serve, and a path beside it.
    [[nodiscard]] std::string root() const { return base_ + "/root"; }
    [[nodiscard]] std::string beside(std::string_view name) const {
        return base_ + "/" + std::string(name);
    }
    [[nodiscard]] std::string path(std::string_view name) const {
        return root() + "/" + std::string(name);
    }

    // Creates directories as needed; the file's times are `age_seconds` in the past.
    void write(std::string_view name, std::string_view text, int age_seconds = 100) const {
        write_at(path(name), text, age_seconds);
    }
    static void write_at(const std::string& where, std::string_view text, int age_seconds = 100) {
        const std::filesystem::path name = to_path(where);
        std::filesystem::create_directories(name.parent_path());
        std::ofstream file(name, std::ios::binary | std::ios::trunc);
        file.write(text.data(), static_cast<std::streamsize>(text.size()));
        file.close();
        ASSERT_TRUE(file) << where;
        if (age_seconds != 0) {
            const auto now = std::chrono::floor<std::chrono::seconds>(
                std::filesystem::file_time_type::clock::now());
            std::filesystem::last_write_time(name, now - std::chrono::seconds(age_seconds));
        }
    }
    // As a deploy does it: the new file replaces the old one in one step.
    void replace(std::string_view name, std::string_view text) const {
        write_at(beside("incoming"), text, 0);
        std::filesystem::rename(beside("incoming"), path(name));
    }

  private:
    std::string base_;
};

}  // namespace sluice::test
