// What tests need of the operating system beside what they test: files that are gone when the test
// is, the count of what the process has open, waiting, and what the system can do at all. One
// implementation for each system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/backend.h"

namespace sluice::test {

// Up to so many bytes of an open file from there on; fewer at its end.
[[nodiscard]] std::string read_at(std::intptr_t file, std::uint64_t offset, std::uint64_t bytes);

// A file without a name that lasts; for reading and writing.
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
// A new directory in the one for temporary files; the caller removes it. UTF-8.
[[nodiscard]] std::string make_temp_directory();
// From now on the system's folder for temporary files, as this process sees it.
void use_temp_directory(const std::filesystem::path& path);
// Descriptors that this process has open; 0 where the system does not tell.
[[nodiscard]] std::size_t open_descriptors();
// Memory that this process takes for itself, without what it could give back; 0 where the system
// does not tell.
[[nodiscard]] std::uint64_t memory_in_use();
// As many as the system gives, up to what a thousand connections with both ends here need.
void raise_descriptor_limit();
// Waits until a store's or a watcher's handle is readable.
void wait_readable(std::intptr_t handle, Nanos at_most);

// Whether parts of a file that are given back leave a hole in it. Not under Wine.
[[nodiscard]] bool has_holes();
// Whether every change below a directory that is watched is reported. Not on Windows as it runs
// under Wine: there a store finds some of them by looking.
[[nodiscard]] bool tells_every_change();

}  // namespace sluice::test
