#include "http/content_loader.h"

#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "core/check.h"
#include "http/response.h"

namespace sluice::http {

namespace {

constexpr std::size_t kCopyBytes = 256 * 1024;
constexpr int kReadAttempts = 3;

// What the head in front of a small body takes, about (response.cpp).
constexpr std::uint64_t kBlockHeadBytes = 280;

// Longer than any tick of the clocks that file systems stamp with (CONFIG_HZ=100: 10 ms), so that
// a later change has other times.
constexpr std::int64_t kRacyNs = 20 * kMillisecond;

// One in four of what the process may open goes to content by default; the rest is connections.
constexpr std::uint64_t kOpenFilesShare = 4;
constexpr std::uint64_t kOpenFilesMin = 8;

std::string hex(std::uint64_t hash) {
    std::string text(16, '0');
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), hash, 16).ptr;
    std::copy_backward(digits.data(), end, text.data() + text.size());
    return text;
}

// For files too large to be read: strong as long as every change of the bytes changes one of
// these, which is why the change time is among them (nobody can set it back).
std::string stamp_validator(const fs::Info& info) {
    const std::array<std::uint64_t, 5> facts = {info.device, info.stamp.inode, info.stamp.size,
                                                static_cast<std::uint64_t>(info.stamp.mtime_ns),
                                                static_cast<std::uint64_t>(info.stamp.ctime_ns)};
    return "s-" + hex(XXH3_64bits(facts.data(), sizeof facts));
}

std::int64_t floor_seconds(std::int64_t nanos) {
    return nanos / kSecond - (nanos % kSecond < 0 ? 1 : 0);
}

}  // namespace

ContentLoader::ContentLoader(const ContentOptions& options)
    : options_(options),
      open_files_max_(options.open_files_max != 0 ? options.open_files_max
                                                  : fs::descriptors_max() / kOpenFilesShare),
      buffer_(std::make_unique<char[]>(kCopyBytes)) {}

void ContentLoader::warn_once(bool& told, std::string_view line) const {
    if (!std::exchange(told, true)) {
        options_.warn(line);
    }
}

bool ContentLoader::block_fits(std::uint64_t size) const {
    return size <= options_.block_bytes_max &&
           usage_.memory_bytes + size + kBlockHeadBytes <= options_.memory_budget_bytes;
}

// One file takes at most a quarter, and all of them leave a quarter for small ones, which would
// otherwise need a descriptor each.
bool ContentLoader::memory_file_fits(std::uint64_t size) const {
    const std::uint64_t quarter = options_.memory_budget_bytes / 4;
    return !memory_refused_ && size <= quarter && usage_.memory_bytes + size <= 3 * quarter;
}

Status ContentLoader::read_block(const fs::Opened& opened, Content& out) {
    const std::size_t size = opened.info.stamp.size;
    // One byte more than expected, to see that the file ends there.
    out.bytes = PendingBytes(size + 1, size + kBlockHeadBytes, usage_);
    const auto got = fs::read_at(opened.file, 0, out.bytes.data(), size + 1);
    if (!got) {
        return got.error();
    }
    out.validator = hex(XXH3_64bits(out.bytes.data(), size));
    return *got == size ? Status::ok : Status::changed;
}

Status ContentLoader::copy_to_memory_file(const fs::Opened& opened, Content& out) {
    if (memory_ == nullptr) {
        auto made = MemoryFile::create();
        if (!made) {
            return Status::no_memory;
        }
        memory_ = std::make_unique<MemoryFile>(std::move(*made));
    }
    const std::uint64_t size = opened.info.stamp.size;
    XXH3_state_t* state = XXH3_createState();
    CHECK(state != nullptr);
    XXH3_64bits_reset(state);
    Status status = Status::ok;
    std::uint64_t copied = 0;
    while (status == Status::ok) {
        const auto got = fs::read_at(opened.file, copied, buffer_.get(), kCopyBytes);
        if (!got) {
            status = got.error();
        } else if (*got == 0) {
            break;
        } else if (copied + *got > size) {
            status = Status::changed;
        } else {
            XXH3_64bits_update(state, buffer_.get(), *got);
            status = memory_->write(memory_->end() + copied, buffer_.get(), *got);
            copied += *got;
        }
    }
    out.validator = hex(XXH3_64bits_digest(state));
    XXH3_freeState(state);
    if (status == Status::ok && copied != size) {
        status = Status::changed;
    }
    if (status != Status::ok) {
        memory_->discard();
        return status;
    }
    out.home = std::make_shared<const Home>(*memory_, size, usage_);
    return Status::ok;
}

void ContentLoader::keep_open(fs::Opened& opened, Content& out) {
    out.validator = stamp_validator(opened.info);
    if (!may_open()) {
        out.cold = true;
        return;
    }
    fs::prepare_for_sending(opened.file);
    out.home = std::make_shared<const Home>(std::move(opened.file), usage_);
    out.opened = true;
}

Status ContentLoader::take(fs::Opened& opened, Content& out) {
    const std::uint64_t size = opened.info.stamp.size;
    if (block_fits(size)) {
        return read_block(opened, out);
    }
    if (memory_file_fits(size)) {
        const Status status = copy_to_memory_file(opened, out);
        if (status != Status::no_memory) {
            return status;
        }
        memory_refused_ = true;
        warn_once(told_memory_,
                  "the system refuses memory for content: large files are sent from disk");
    }
    keep_open(opened, out);
    return Status::ok;
}

void ContentLoader::accept(FileNode& node, const fs::Info& info, Content content) {
    forget(node);
    node.info = info;
    node.validator = std::move(content.validator);
    node.content_id = next_content_id_++;
    node.bytes = std::move(content.bytes);
    node.home = std::move(content.home);
    node.cold = content.cold;
    node.opened_at = 0;
    if (content.opened) {
        open_nodes_.emplace(node.content_id, &node);
    }
}

ContentLoader::Outcome ContentLoader::load(FileNode& node, fs::Opened opened) {
    const bool by_stamp = node.content_id != 0 && (node.cold || (node.home && node.home->live()));
    if (by_stamp && opened.info.unchanged(node.info)) {
        return Outcome::unchanged;
    }
    for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
        const fs::Info before = opened.info;
        Content content;
        const Status status = take(opened, content);
        if (status != Status::ok && status != Status::changed) {
            return Outcome::failed;
        }
        // The live file left `opened`; its stamp guards every later send instead.
        const bool kept = content.opened || content.cold;
        const auto after = kept ? std::expected<fs::Info, Status>(before) : info_of(opened.file);
        if (!after) {
            return Outcome::failed;
        }
        if (status == Status::ok && after->unchanged(before)) {
            node.racy = fs::wall_now_ns() - before.stamp.ctime_ns < kRacyNs;
            const bool same = node.content_id != 0 && !kept && !by_stamp &&
                              content.validator == node.validator &&
                              before.stamp.size == node.info.stamp.size &&
                              before.stamp.mtime_ns == node.info.stamp.mtime_ns;
            if (same) {
                node.info = before;
                return Outcome::unchanged;
            }
            accept(node, before, std::move(content));
            return Outcome::loaded;
        }
        opened.info = *after;
    }
    return Outcome::unstable;
}

ContentLoader::Outcome ContentLoader::warm(FileNode& node, fs::Opened opened, Nanos now) {
    if (!opened.info.unchanged(node.info)) {
        return load(node, std::move(opened));
    }
    Content content;
    const fs::Info info = opened.info;
    keep_open(opened, content);
    if (content.cold) {
        return Outcome::failed;
    }
    accept(node, info, std::move(content));
    node.opened_at = now;
    return Outcome::loaded;
}

void ContentLoader::make_cold(FileNode& node) {
    DCHECK(node.home != nullptr && node.home->live());
    forget(node);
    node.home = nullptr;
    node.cold = true;
    node.content_id = next_content_id_++;
}

void ContentLoader::forget(const FileNode& node) {
    open_nodes_.erase(node.content_id);
}

bool ContentLoader::may_open() const {
    return open_nodes_.size() < open_files_max_ && usage_.open_files < 2 * open_files_max_;
}

FileNode* ContentLoader::oldest_open() const {
    return open_nodes_.empty() ? nullptr : open_nodes_.begin()->second;
}

void ContentLoader::shrink_open_files() {
    open_files_max_ = std::max<std::uint64_t>(kOpenFilesMin, open_nodes_.size() / 2);
    warn_once(told_descriptors_,
              "out of file descriptors: fewer files are held open (raise the limit of open files)");
}

std::unique_ptr<OwnedEntry> ContentLoader::make_entry(FileNode& node, std::string path,
                                                      Coding coding,
                                                      std::string_view content_type) {
    auto entry = std::make_unique<OwnedEntry>(&node, node.content_id, usage_);
    entry->path = std::move(path);
    entry->coding = coding;
    entry->size = node.info.stamp.size;
    entry->mtime_seconds = floor_seconds(node.info.stamp.mtime_ns);
    entry->etag = '"' + node.validator;
    if (coding != Coding::identity) {
        entry->etag += '-';
        entry->etag += kCodings[static_cast<std::size_t>(coding) - 1].token;
    }
    entry->etag += '"';
    entry->content_type = content_type;
    entry->vary = coding != Coding::identity;
    return entry;
}

void ContentLoader::finish_entry(OwnedEntry& entry, const FileNode& node) {
    prepare_heads(entry);
    if (node.cold) {
        entry.cold = true;
        return;
    }
    if (node.home != nullptr) {
        entry.home = node.home;
        entry.file = node.home->handle();
        entry.file_offset = node.home->offset();
        if (node.home->live()) {
            entry.stamp = node.info.stamp;
        }
        return;
    }
    const char* bytes = node.bytes ? node.bytes.data() : node.own->memory().data();
    const std::size_t head = entry.head_200.size();
    entry.block_bytes = head + entry.size;
    entry.block = std::make_unique_for_overwrite<char[]>(entry.block_bytes);
    entry.block_head_bytes = static_cast<std::uint32_t>(head);
    std::memcpy(entry.block.get(), entry.head_200.data(), head);
    std::memcpy(entry.block.get() + head, bytes, entry.size);
    usage_.memory_bytes += entry.block_bytes;
}

std::unique_ptr<OwnedEntry> ContentLoader::make_redirect(std::string path) {
    auto entry = std::make_unique<OwnedEntry>(nullptr, 0, usage_);
    entry->path = std::move(path);
    entry->kind = EntryKind::directory;
    return entry;
}

}  // namespace sluice::http
