// A directory of its own for a test, removed with everything in it afterwards.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>
#include <string_view>

namespace sluice::test {

class TempTree {
  public:
    TempTree() {
        std::string pattern = (std::filesystem::temp_directory_path() / "sluice-XXXXXX").string();
        base_ = ::mkdtemp(pattern.data());
        std::filesystem::create_directory(root());
    }
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

    // Makes directories as needed; the file is as old as `age_seconds` says.
    void write(std::string_view name, std::string_view text, int age_seconds = 100) const {
        write_at(path(name), text, age_seconds);
    }
    static void write_at(const std::string& where, std::string_view text, int age_seconds = 100) {
        std::filesystem::create_directories(std::filesystem::path(where).parent_path());
        const int fd = ::open(where.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        ASSERT_GE(fd, 0) << where;
        for (std::string_view rest = text; !rest.empty();) {
            const ssize_t wrote = ::write(fd, rest.data(), rest.size());
            ASSERT_GT(wrote, 0);
            rest.remove_prefix(static_cast<std::size_t>(wrote));
        }
        if (age_seconds != 0) {
            const timespec when = {std::time(nullptr) - age_seconds, 0};
            const std::array<timespec, 2> times = {when, when};
            ::futimens(fd, times.data());
        }
        ::close(fd);
    }
    // As a deploy does it: the new file takes the name in one step.
    void replace(std::string_view name, std::string_view text) const {
        write_at(beside("incoming"), text, 0);
        std::filesystem::rename(beside("incoming"), path(name));
    }

  private:
    std::string base_;
};

}  // namespace sluice::test
