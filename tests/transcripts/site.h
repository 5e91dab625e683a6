// Site: the files that the transcripts are about, on disk and loaded, once for all of them.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/check.h"
#include "http/content_store.h"
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
        auto store = http::ContentStore::open(options);
        CHECK(store.has_value());
        store_ = std::move(*store);
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
    std::string root_;
    std::unique_ptr<http::ContentStore> store_;
};

}  // namespace sluice::transcripts
