#include "app/verify_root.h"

#include <array>
#include <cstdio>
#include <memory>
#include <vector>

#include "bench/load/body_hash.h"
#include "http/path.h"
#include "http/status.h"

namespace sluice {

namespace {

struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

Result<load::Expected> expected_of(const std::string& path, bool is_head) {
    const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rb"));
    load::BodyHash hash;
    load::Expected expected{http::kOk, 0, 0};
    if (file == nullptr) {
        return fail(Status::not_found, "--verify-root: " + path + " cannot be opened");
    }
    std::vector<char> buffer(std::size_t{1} << 16);
    while (!is_head) {
        const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), file.get());
        if (got == 0) {
            break;
        }
        hash.body({buffer.data(), got});
        expected.bytes += got;
    }
    if (std::ferror(file.get()) != 0) {
        return fail(Status::io_error, "--verify-root: " + path + " cannot be read");
    }
    expected.hash = hash.take();
    return expected;
}

}  // namespace

Result<void> expect_files(const std::string& root, load::Plan& plan) {
    for (load::Request& request : plan.requests) {
        const std::string_view raw =
            std::string_view(request.target).substr(0, request.target.find('?'));
        std::vector<char> decoded(raw.size() + 1);
        const http::Path path = http::normalise_path(raw, decoded.data());
        if (path.status != http::PathStatus::ok) {
            return fail(Status::address_invalid,
                        "--verify-root: " + request.target + " can name no file");
        }
        std::string file = root + std::string(path.text);
        file += path.text.ends_with('/') ? "index.html" : "";
        auto expected = expected_of(file, request.is_head);
        if (!expected) {
            return std::unexpected(expected.error());
        }
        request.expected = *expected;
    }
    plan.verify = true;
    return {};
}

}  // namespace sluice
