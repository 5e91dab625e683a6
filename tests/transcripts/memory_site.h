// MemorySite: a few entries made by hand, without loader, for tests of the session and for
// fuzzing. Bodies in files share one file that nobody else sees.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "http/content_view.h"
#include "http/load_queue.h"
#include "http1/response.h"
#include "tests/support/host.h"

namespace sluice::transcripts {

class MemorySite {
  public:
    MemorySite() { view_.connect(&queue_); }
    MemorySite(const MemorySite&) = delete;
    MemorySite& operator=(const MemorySite&) = delete;

    // In memory, with its prepared block.
    http::Entry& add(const std::string& path, std::string_view bytes) {
        http::Entry& entry = describe(path, bytes.size());
        put_into_block(entry, bytes);
        return entry;
    }
    // A precompressed sibling in memory of an entry that is in memory, too.
    http::Entry& add_sibling(http::Entry& page, http::Coding coding, std::string_view bytes) {
        http::Entry& sibling =
            describe(page.path + "." + std::to_string(static_cast<int>(coding)), bytes.size());
        sibling.coding = coding;
        page.variants[static_cast<std::size_t>(coding) - 1] = &sibling;
        const std::string identity(page.memory());
        for (http::Entry* entry : {&page, &sibling}) {
            entry->vary = true;
            http::prepare_heads(*entry);
            put_into_block(*entry, entry == &page ? std::string_view(identity) : bytes);
        }
        return sibling;
    }
    // In the file; `live` ones carry a stamp.
    http::Entry& add_file(const std::string& path, std::string_view bytes, bool live) {
        http::Entry& entry = describe(path, bytes.size());
        entry.file = file_.handle();
        entry.file_offset = file_bytes_;
        file_.write_at(file_bytes_, bytes);
        file_bytes_ += bytes.size();
        if (live) {
            entry.stamp.size = bytes.size();
        }
        return entry;
    }
    http::Entry& add_cold(const std::string& path, std::uint64_t size) {
        http::Entry& entry = describe(path, size);
        entry.unloaded = true;
        return entry;
    }
    http::Entry& add_directory(const std::string& path) {
        http::Entry& entry = describe(path, 0);
        entry.kind = http::EntryKind::directory;
        return entry;
    }

    // What was added so far becomes the content; of two entries of one path the later counts.
    const http::Snapshot& publish() {
        std::vector<const http::Entry*> now;
        for (const auto& entry : entries_) {
            std::erase_if(now, [&](const http::Entry* old) { return old->path == entry->path; });
            now.push_back(entry.get());
        }
        snapshots_.push_back(std::make_unique<http::Snapshot>(now, snapshots_.size() + 1));
        view_.offer(snapshots_.back().get());
        return *snapshots_.back();
    }

    [[nodiscard]] http::ContentView& view() { return view_; }
    // How many loads of unloaded entries were requested since the last call.
    [[nodiscard]] std::size_t loads() {
        http::LoadQueue::Batch batch;
        return queue_.drain(batch);
    }

  private:
    static void put_into_block(http::Entry& entry, std::string_view bytes) {
        const std::string& head = entry.head_200;
        entry.block = std::make_unique<char[]>(head.size() + bytes.size());
        entry.block_head_bytes = static_cast<std::uint32_t>(head.size());
        std::memcpy(entry.block.get(), head.data(), head.size());
        std::memcpy(entry.block.get() + head.size(), bytes.data(), bytes.size());
    }
    http::Entry& describe(const std::string& path, std::uint64_t size) {
        auto entry = std::make_unique<http::Entry>();
        entry->path = path;
        entry->size = size;
        entry->mtime_seconds = 784'111'777;
        entry->etag = '"' + std::to_string(entries_.size()) + '"';
        entry->content_type = "text/plain; charset=utf-8";
        http::prepare_heads(*entry);
        entries_.push_back(std::move(entry));
        return *entries_.back();
    }

    test::TempFile file_;
    std::uint64_t file_bytes_ = 0;
    std::vector<std::unique_ptr<http::Entry>> entries_;
    std::vector<std::unique_ptr<http::Snapshot>> snapshots_;
    http::LoadQueue queue_{[] {}};
    http::ContentView view_;
};

}  // namespace sluice::transcripts
