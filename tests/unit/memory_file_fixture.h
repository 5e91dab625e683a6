// A memory file, with what was committed to it and what the system holds for it.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "content/memory_file.h"
#include "tests/support/host.h"

namespace sluice::http {

class MemoryFileFixture : public testing::Test {
  protected:
    MemoryFileFixture() : file_(MemoryFile::create().value()) {}

    // The offset of the committed bytes.
    std::uint64_t add(std::size_t size, char fill) {
        const std::uint64_t offset = file_.end();
        const std::string bytes(size, fill);
        EXPECT_EQ(file_.write(offset, bytes.data(), size), Status::ok);
        taken_ += file_.commit(size);
        return offset;
    }
    void release(std::uint64_t offset, std::size_t size) { taken_ -= file_.release(offset, size); }

    [[nodiscard]] bool holds(std::uint64_t offset, std::size_t size, char fill) const {
        return test::read_at(file_.handle(), offset, size) == std::string(size, fill);
    }
    // Memory that the system counts for the file.
    [[nodiscard]] std::uint64_t held() const { return test::allocated_bytes(file_.handle()); }

    MemoryFile file_;
    std::uint64_t taken_ = 0;
};

}  // namespace sluice::http
