#include "bench/compare/workspace.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "bench/compare/scenario.h"
#include "bench/load/random.h"
#include "system/path.h"

namespace sluice::compare {

namespace fs = std::filesystem;

namespace {

constexpr unsigned kFilesInFolder = 100;

// Random bytes, which no file system or compressor can shrink.
std::string noise(std::size_t bytes, std::uint64_t seed) {
    load::Random random(seed);
    std::string text(bytes, '\0');
    for (char& c : text) {
        c = static_cast<char>(random.next() >> 56);
    }
    return text;
}

Result<void> make_folder(const std::string& path) {
    std::error_code error;
    fs::create_directories(to_path(path), error);
    if (error) {
        return fail(Status::io_error, path + ": " + error.message(), error.value());
    }
    return {};
}

Result<void> make_small(const std::string& root) {
    for (const char* folder : {"/static", "/border"}) {
        if (auto made = make_folder(root + folder); !made) {
            return made;
        }
    }
    std::string page = "<!DOCTYPE html>\n<title>page</title>\n";
    page.resize(kPageBytes, 'x');
    auto written = write_file(root + "/index.html", page);
    if (written) {
        written = write_file(root + "/static/logo.jpg", noise(kLogoBytes, 1));
    }
    if (written) {
        written = write_file(root + "/large.bin", noise(kLargeBytes, 2));
    }
    for (unsigned kib = 2; kib <= 256 && written; kib *= 2) {
        written =
            write_file(fmt::format("{}/border/{}k.bin", root, kib), noise(kib * 1024UL, kib + 2));
    }
    return written;
}

// `count` different files of the page's size.
Result<void> make_files(const std::string& root, unsigned count) {
    for (unsigned index = 0; index < count; ++index) {
        if (index % kFilesInFolder == 0) {
            const std::string path = root + file_path(index);
            if (auto made = make_folder(path.substr(0, path.rfind('/'))); !made) {
                return made;
            }
        }
        std::string text = fmt::format("{:08}", index);
        text.resize(kPageBytes, 'x');
        if (auto written = write_file(root + file_path(index), text); !written) {
            return written;
        }
    }
    return {};
}

}  // namespace

std::string file_path(unsigned index) {
    return fmt::format("/f/{}/{}.html", index / kFilesInFolder, index);
}

Result<std::string> read_file(const std::string& path) {
    std::ifstream file(to_path(path), std::ios::binary);
    std::ostringstream text;
    if (!file || !(text << file.rdbuf())) {
        return fail(Status::not_found, path + ": cannot be read, or is empty");
    }
    return text.str();
}

Result<void> write_file(const std::string& path, const std::string& text) {
    std::ofstream file(to_path(path), std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (!file) {
        return fail(Status::io_error, path + ": cannot be written");
    }
    return {};
}

Result<Workspace> Workspace::make() {
    std::error_code error;
    const fs::path base = fs::temp_directory_path(error);
    if (error) {
        return fail(
            Status::io_error,
            "the folder for temporary files (TMPDIR, or TMP on Windows): " + error.message(),
            error.value());
    }
    std::random_device random;
    fs::path folder;
    bool is_ours = false;
    // Creating the folder reserves its name.
    for (int tries = 0; tries < 100 && !is_ours && !error; ++tries) {
        folder = base / fmt::format("sluice-compare-{:08x}", random());
        is_ours = fs::create_directory(folder, error);
    }
    if (!is_ours) {
        return fail(Status::io_error,
                    "no folder can be made in " + base.string() + ": " + error.message(),
                    error.value());
    }
    Workspace made(folder.string());
    // Some servers run as a user of their own, who must be able to read the roots.
    fs::permissions(folder,
                    fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                        fs::perms::others_read | fs::perms::others_exec,
                    error);
    return made;
}

Workspace::Workspace(Workspace&& other) noexcept
    : folder_(std::exchange(other.folder_, {})), roots_(std::move(other.roots_)) {}

Workspace::~Workspace() {
    if (!folder_.empty()) {
        std::error_code error;
        fs::remove_all(to_path(folder_), error);
    }
}

Result<std::string> Workspace::root(const std::string& name) {
    if (const auto found = roots_.find(name); found != roots_.end()) {
        return found->second;
    }
    const std::string root = folder_ + "/" + name;
    auto made = make_small(root);
    if (made && name == "many") {
        made = make_files(root, 1000);
    } else if (made && name == "tree") {
        made = make_files(root, 100'000);
    }
    if (!made) {
        return std::unexpected(made.error());
    }
    return roots_[name] = root;
}

}  // namespace sluice::compare
