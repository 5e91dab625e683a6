// What tests need from the operating system in addition to what they test: files that go with the
// test, the count of what the process has open, waiting, and what the system can do at all. One
// implementation for each system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/backend.h"

namespace sluice::test {

// Up to `bytes` bytes of an open file from `offset` on; fewer at its end.
[[nodiscard]] std::string read_at(std::intptr_t file, std::uint64_t offset, std::uint64_t bytes);

// A file for reading and writing, without a lasting name.
class TempFile {
  public:
    TempFile();
    explicit TempFile(std::string_view bytes) : TempFile() { append(bytes); }
    TempFile(const TempFile&) = delete;
    TempFile& operator=(const TempFile&) = delete;
    ~TempFile();

    void write_at(std::uint64_t offset, std::string_view bytes) const;
    void append(std::string_view bytes) const { write_at(stamp().size, bytes); }
    // Shorter, or longer by zeros that need no room on the disk.
    void truncate(std::uint64_t size) const;
    [[nodiscard]] FileStamp stamp() const;
    [[nodiscard]] std::intptr_t handle() const { return handle_; }
    [[nodiscard]] FileRange range(std::uint64_t offset, std::uint64_t length) const {
        FileRange range;
        range.file = handle_;
        range.offset = offset;
        range.length = length;
        return range;
    }

  private:
    std::intptr_t handle_;
};

// Makes the file shorter, or longer by zeros that need no room on the disk.
void resize_file(const std::string& path, std::uint64_t size);
// Memory or disk that the system counts for an open file.
[[nodiscard]] std::uint64_t allocated_bytes(std::intptr_t file);

[[nodiscard]] int process_id();
// Makes a directory in the one for temporary files; the caller removes it. UTF-8.
[[nodiscard]] std::string make_temp_directory();
// Makes `path` the system's folder for temporary files, as this process sees it.
void use_temp_directory(const std::filesystem::path& path);
// Descriptors that this process has open; 0 where the system does not tell.
[[nodiscard]] std::size_t open_descriptors();
// Memory that this process takes for itself, without what it could give back; 0 where the system
// does not tell.
[[nodiscard]] std::uint64_t memory_in_use();
// Allows as many descriptors as the system gives, up to what a thousand connections with both ends
// in this process need.
void raise_descriptor_limit();
// Waits until a store's or a watcher's handle is readable.
void wait_readable(std::intptr_t handle, Nanos at_most);

// Whether parts of a file that are given back leave a hole in it. Under Wine they do not.
[[nodiscard]] bool has_holes();
// Whether every change below a watched directory is reported. False on Windows: under Wine some are
// not, and a store finds them by looking.
[[nodiscard]] bool tells_every_change();

}  // namespace sluice::test
