#include "content/loader.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/check.h"
#include "http/content_digest.h"

namespace sluice::http {

namespace {

constexpr std::size_t kCopyBytes = 256 * 1024;
constexpr int kReadAttempts = 3;

// Estimated size of the head in front of a small body (response.cpp).
constexpr std::uint64_t kBlockHeadBytes = 280;

// A digest or a stamp in hexadecimal, with a mark for a stamp.
constexpr std::uint64_t kValidatorBytes = 19;

// What an entry takes in a snapshot: a pointer in the list, and two to four buckets of 16 bytes in
// the table (snapshot.cpp).
constexpr std::uint64_t kSnapshotRowBytes = sizeof(void*) + 3 * 16;

// Path, validator and heads of an entry, estimated.
constexpr std::uint64_t kEntryTextBytes = 500;

constexpr std::int64_t kNoTime = INT64_MIN;  // no file has it

// By default a quarter of what the process may open is for content; the rest is for connections.
constexpr std::uint64_t kOpenFilesShare = 4;
constexpr std::uint64_t kOpenFilesMin = 8;

// For files whose bytes are not hashed: the same wherever the file was copied with its time. It
// proves nothing.
std::string weak_validator(const fs::Info& info) {
    const std::array<std::uint64_t, 2> facts = {info.stamp.size,
                                                static_cast<std::uint64_t>(info.stamp.mtime_ns)};
    return hash_text(XXH3_64bits(facts.data(), sizeof facts));
}

std::int64_t floor_seconds(std::int64_t nanos) {
    return nanos / kSecond - (nanos % kSecond < 0 ? 1 : 0);
}

}  // namespace

ContentLoader::ContentLoader(const ContentOptions& options)
    : options_(options),
      open_files_max_(options.open_files_max != 0 ? options.open_files_max
                                                  : fs::descriptors_max() / kOpenFilesShare),
      types_(options.mime),
      buffer_(std::make_unique<char[]>(kCopyBytes)) {}

void ContentLoader::warn_once(bool& warned, std::string_view line) const {
    if (!std::exchange(warned, true)) {
        options_.warn(line);
    }
}

bool ContentLoader::block_fits(std::uint64_t size) const {
    return size <= options_.block_bytes_max &&
           usage_.memory_bytes + size + kBlockHeadBytes <= options_.memory_budget_bytes;
}

// One file takes at most a quarter of the budget, and all of them leave a quarter for small files,
// which would otherwise need a descriptor each.
bool ContentLoader::memory_file_fits(std::uint64_t size) const {
    const std::uint64_t quarter = options_.memory_budget_bytes / 4;
    return !memory_refused_ && size <= quarter && usage_.memory_bytes + size <= 3 * quarter;
}

std::uint64_t ContentLoader::room() const {
    const std::uint64_t quarter = options_.memory_budget_bytes / 4;
    const std::uint64_t of_file =
        memory_refused_
            ? 0
            : std::min(quarter, 3 * quarter - std::min(3 * quarter, usage_.memory_bytes));
    return std::max<std::uint64_t>(
        of_file, block_fits(options_.block_bytes_max) ? options_.block_bytes_max : 0);
}

Status ContentLoader::read_block(const fs::Opened& opened, Content& out) {
    const std::size_t size = opened.info.stamp.size;
    // One byte more than expected, to see that the file ends there.
    out.bytes = PendingBytes(size + 1, size + kBlockHeadBytes, usage_);
    const auto got = fs::read_at(opened.file, 0, out.bytes.data(), size + 1);
    if (!got) {
        return got.error();
    }
    out.validator = hash_text(XXH3_64bits(out.bytes.data(), size));
    out.type.look({out.bytes.data(), std::min(*got, size)});
    out.type.end();
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
    DigestMaker maker;
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
            maker.add(buffer_.get(), *got);
            out.type.look({buffer_.get(), *got});
            status = memory_->write(memory_->end() + copied, buffer_.get(), *got);
            copied += *got;
        }
    }
    if (status == Status::ok && copied != size) {
        status = Status::changed;
    }
    if (status != Status::ok) {
        memory_->discard();
        return status;
    }
    out.type.end();
    ContentDigest digest = maker.finish();
    out.validator = hash_text(digest.whole);
    out.digest = share(std::move(digest));
    out.storage = std::make_shared<const Storage>(*memory_, size, usage_);
    return Status::ok;
}

void ContentLoader::keep_open(fs::Opened& opened, const SharedDigest& digest, Content& out) {
    out.weak = digest == nullptr || digest->whole == 0;
    out.validator = out.weak ? weak_validator(opened.info) : hash_text(digest->whole);
    out.digest = digest;
    if (!may_open() || opened.source == fs::Source::copy) {
        out.unloaded = true;
        return;
    }
    fs::prepare_for_sending(opened.file);
    out.storage = std::make_shared<const Storage>(std::move(opened.file),
                                                  opened.source == fs::Source::remote, usage_);
    if (digest != nullptr) {
        out.storage->set_digest(digest);
    }
    out.opened = true;
}

Status ContentLoader::take(const FileNode& node, fs::Opened& opened, Content& out) {
    const std::uint64_t size = opened.info.stamp.size;
    const bool readable = opened.source != fs::Source::remote;
    if (readable && block_fits(size)) {
        return read_block(opened, out);
    }
    if (readable && memory_file_fits(size)) {
        const Status status = copy_to_memory_file(opened, out);
        if (status != Status::no_memory) {
            return status;
        }
        memory_refused_ = true;
        warn_once(
            warned_memory_,
            "the system refuses memory for content, or a larger file of it: large files are sent "
            "from disk");
    }
    SharedDigest digest;
    if (const Tracking* known = node.tracking.get();
        known != nullptr && known->digested && known->digested->info.unchanged(opened.info)) {
        digest = known->digested->digest;
    }
    keep_open(opened, digest, out);
    return Status::ok;
}

void ContentLoader::accept(FileNode& node, const fs::Info& info, Content content) {
    forget(node);
    node.info = info;
    node.racy = racy(info);
    node.validator = std::move(content.validator);
    node.weak = content.weak;
    node.content_id = next_content_id_++;
    node.bytes = std::move(content.bytes);
    node.storage = std::move(content.storage);
    node.unloaded = content.unloaded;
    node.opened_at = 0;
    if (content.opened) {
        open_nodes_.emplace(node.content_id, &node);
    }
    if (node.tracking == nullptr && node.by_stamp()) {
        node.tracking = std::make_unique<Tracking>();
    }
    if (Tracking* tracking = node.tracking.get()) {
        tracking->digest = std::move(content.digest);
        tracking->digested.reset();
        tracking->candidate.reset();
        tracking->content_reported = false;
        tracking->growing = false;
    }
}

bool ContentLoader::racy(const fs::Info& info) const {
    return fs::changed_just_now(info.stamp.ctime_ns, options_.wall_now_ns(), fs::kRacyNs);
}

ContentLoader::Outcome ContentLoader::load(FileNode& node, fs::Opened opened, const Look& look) {
    if (same_bytes(node, opened.info, look.event)) {
        return refresh(node, opened.info);
    }
    if (node.by_stamp()) {
        return follow(node, std::move(opened), look);
    }
    if (opened.source == fs::Source::local && begins_to_grow(node, opened.info, look.now)) {
        return grow(node, std::move(opened), look);
    }
    return read(node, std::move(opened), look);
}

ContentLoader::Outcome ContentLoader::read(FileNode& node, fs::Opened opened, const Look& look) {
    for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
        const fs::Info before = opened.info;
        Content content{.type = sniffer(node)};
        const Status status = take(node, opened, content);
        if (status != Status::ok && status != Status::changed) {
            return Outcome::failed;
        }
        // The live file has moved out of `opened`; its stamp is checked at every later send
        // instead.
        const bool kept = content.opened || content.unloaded;
        const bool is_copy = opened.source == fs::Source::copy;
        const auto after =
            kept || is_copy ? std::expected<fs::Info, Status>(before) : info_of(opened.file);
        if (!after) {
            return Outcome::failed;
        }
        if (status == Status::ok && after->unchanged(before)) {
            const bool same_bytes = node.content_id != 0 && !kept && !node.by_stamp() &&
                                    content.validator == node.validator &&
                                    before.stamp.size == node.info.stamp.size;
            if (same_bytes && before.stamp.mtime_ns == node.info.stamp.mtime_ns) {
                node.info = before;
                node.racy = racy(before);
                return Outcome::unchanged;
            }
            set_type(node, content.type);
            node.type_undecided = !content.type.decided();
            accept(node, before, std::move(content));
            if (!same_bytes) {
                node.bytes_id = node.content_id;
            }
            return Outcome::loaded;
        }
        opened.info = *after;
    }
    if (!look.overdue) {
        return Outcome::unstable;
    }
    // It always changes while it is copied. A digest of what is there lets the downloads of a
    // growing file go on; without one they would end at the next byte that is appended.
    Content content{.type = sniffer(node)};
    const fs::Info info = opened.info;
    keep_open(opened, digest_from_start(opened), content);
    set_type(node, content.type);
    node.type_undecided = !content.type.decided();
    accept(node, info, std::move(content));
    node.bytes_id = node.content_id;
    return Outcome::loaded;
}

ContentLoader::Outcome ContentLoader::load_requested(FileNode& node, fs::Opened opened,
                                                     const Look& look) {
    // A changed ctime may be an edit that restored the mtime and was not reported yet.
    const bool same = opened.info.unchanged(node.info) && !node.tracking->content_reported;
    if (!same) {
        return load(node, std::move(opened), look);
    }
    if (opened.source == fs::Source::copy) {
        return read(node, std::move(opened), look);
    }
    Content content{.type = sniffer(node)};
    const fs::Info info = opened.info;
    keep_open(opened, node.tracking->digest, content);
    if (content.unloaded) {
        return Outcome::failed;
    }
    accept(node, info, std::move(content));
    node.opened_at = look.now;
    return Outcome::loaded;
}

bool ContentLoader::take_over(FileNode& node, const FileNode& from) {
    const Tracking* tracking = from.tracking.get();
    const bool at_rest =
        from.content_id != 0 && !from.racy && !from.link && from.waiting_since == kNever &&
        (tracking == nullptr || (!tracking->candidate && !tracking->content_reported &&
                                 !tracking->growing && !tracking->busy));
    if (!at_rest) {
        return false;
    }
    Content content{.type = sniffer(node), .validator = from.validator, .weak = from.weak};
    content.storage = from.storage;
    content.unloaded = from.unloaded;
    content.opened = from.storage != nullptr && from.storage->live();
    content.digest = tracking != nullptr ? tracking->digest : nullptr;
    if (from.storage == nullptr && !from.unloaded) {
        const std::uint64_t size = from.info.stamp.size;
        if (from.own == nullptr || from.own->source != from.content_id || !block_fits(size)) {
            return false;
        }
        content.bytes = PendingBytes(size, size + kBlockHeadBytes, usage_);
        std::memcpy(content.bytes.data(), from.own->memory().data(), size);
    }
    node.content_type = from.content_type;
    node.coding = from.coding;
    node.type_undecided = (content.opened || content.unloaded) && !content.type.decided();
    accept(node, from.info, std::move(content));
    node.bytes_id = from.bytes_id;
    if (from.sibling.state != SiblingNote::State::undecided) {
        node.sibling = from.sibling;
    }
    return true;
}

void ContentLoader::set_type(FileNode& node, const TypeSniffer& sniffer) {
    const TypeSniffer::Verdict verdict = sniffer.verdict();
    node.content_type = types_.value_of(verdict);
    node.coding = verdict.coding;
}

void ContentLoader::unload(FileNode& node) {
    DCHECK(node.storage != nullptr && node.storage->live());
    forget(node);
    node.storage = nullptr;
    node.unloaded = true;
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
    warn_once(warned_descriptors_,
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
    entry->etag = node.weak ? "W/\"" : "\"";
    entry->etag += node.validator;
    if (coding != Coding::identity) {
        entry->etag += '-';
        entry->etag += kCodings[static_cast<std::size_t>(coding) - 1].token;
    }
    entry->etag += '"';
    entry->content_type = content_type;
    entry->vary = coding != Coding::identity;
    return entry;
}

std::uint64_t ContentLoader::node_bytes(std::uint64_t size, const std::string& name) {
    // The name is stored here and in the directory's table, which adds a pointer, a hash and about
    // two pointers of its own for each row.
    constexpr std::uint64_t kTable = sizeof(std::string) + 5 * sizeof(void*);
    return heap_bytes(size) + heap_bytes(kTable) + 2 * heap_bytes(name) +
           heap_bytes(kValidatorBytes);
}

MetadataBytes ContentLoader::cost_with_entry(const FileNode& node) {
    return {node_bytes(sizeof node, node.name) + heap_bytes(sizeof(OwnedEntry)) +
                kSnapshotRowBytes + kEntryTextBytes,
            usage_};
}

void ContentLoader::count(OwnedEntry& entry) {
    std::uint64_t bytes = heap_bytes(sizeof(OwnedEntry)) + kSnapshotRowBytes;
    for (std::string* text : {&entry.path, &entry.etag, &entry.head_200, &entry.head_304}) {
        text->shrink_to_fit();
        bytes += heap_bytes(*text);
    }
    entry.metadata = MetadataBytes(bytes, usage_);
}

void ContentLoader::finish_entry(OwnedEntry& entry, const FileNode& node) {
    options_.prepare(entry);
    count(entry);
    if (node.unloaded) {
        entry.unloaded = true;
        return;
    }
    if (node.storage != nullptr) {
        entry.storage = node.storage;
        entry.file = node.storage->handle();
        entry.file_offset = node.storage->offset();
        if (node.storage->live()) {
            entry.stamp = node.info.stamp;
            if (node.racy) {
                // Other bytes may appear with the same stamp: no send relies on it (live_body.h).
                entry.stamp.ctime_ns = kNoTime;
            }
            entry.live = &node.storage->live_bytes();
        }
        return;
    }
    const char* bytes = node.bytes ? node.bytes.data() : node.own->memory().data();
    const std::size_t head = entry.head_200.size();
    entry.block = std::make_unique_for_overwrite<char[]>(head + entry.size);
    entry.block_bytes = heap_bytes(head + entry.size);
    entry.block_head_bytes = static_cast<std::uint32_t>(head);
    std::memcpy(entry.block.get(), entry.head_200.data(), head);
    std::memcpy(entry.block.get() + head, bytes, entry.size);
    usage_.memory_bytes += entry.block_bytes;
}

std::unique_ptr<OwnedEntry> ContentLoader::make_redirect(std::string path) {
    auto entry = std::make_unique<OwnedEntry>(nullptr, 0, usage_);
    entry->path = std::move(path);
    entry->kind = EntryKind::directory;
    count(*entry);
    return entry;
}

}  // namespace sluice::http
