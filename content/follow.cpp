// How the loader follows files that stay on disk from look to look: which metadata changed, whether
// the bytes did, and how much of a growing file is read.
#include <xxhash.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "content/loader.h"

namespace sluice::http {

namespace {

// Whether the bytes are the same is found out within this time; otherwise it is a new version.
constexpr Nanos kKeptForDigest = 100 * kMillisecond;

// A growing file is published at most this often. With the time to hear of a change and to look
// again, the version served is at most a quarter of a second old.
constexpr Nanos kGrowthPause = 150 * kMillisecond;
// At most this much is hashed between two looks; a file that grows faster is shown up to there.
constexpr std::uint64_t kGrowthReadMax = 32 * 1024 * 1024;
constexpr std::size_t kReadBytes = ContentDigest::kBlockBytes;

bool same_facts(const fs::Info& a, const fs::Info& b) {
    return a.same_object(b) && a.stamp.size == b.stamp.size && a.stamp.mtime_ns == b.stamp.mtime_ns;
}

// A write in progress shows its time before its size: a file that is `growing` may have grown by
// nothing.
bool grew(const fs::Info& before, const fs::Info& after, bool growing) {
    return after.same_object(before) && after.stamp.size + (growing ? 1 : 0) > before.stamp.size;
}

}  // namespace

bool ContentLoader::same_bytes(const FileNode& node, const fs::Info& seen, FileEvent event) {
    const bool doubt = node.racy || node.waiting_since != kNever ||
                       (node.tracking != nullptr && node.tracking->content_reported);
    return node.content_id != 0 && event == FileEvent::attributes && !doubt &&
           same_facts(seen, node.info);
}

bool ContentLoader::wants_digest(const FileNode& node) {
    if (!node.by_stamp() || node.remote) {
        return false;
    }
    const Tracking& tracking = *node.tracking;
    return tracking.digest == nullptr || tracking.digest->whole == 0 ||
           tracking.candidate.has_value();
}

ContentLoader::Outcome ContentLoader::follow(FileNode& node, fs::Opened opened, const Look& look) {
    Tracking& tracking = *node.tracking;
    const fs::Info& seen = opened.info;
    const bool being_digested = tracking.candidate && tracking.candidate->unchanged(seen);
    if (seen.unchanged(node.info) && !being_digested) {
        tracking.candidate.reset();
        if (!node.racy) {
            tracking.content_reported = false;
            return Outcome::unchanged;
        }
        // Bytes that were written within the same clock tick show the same times.
        tracking.content_reported = tracking.content_reported || look.event == FileEvent::content;
        node.racy = racy(seen);
        if (node.racy) {
            return Outcome::unchanged;  // it will be looked at again
        }
        // A growing file is assumed to have only grown, and is hashed whole once it is stable.
        return tracking.content_reported && !tracking.growing ? compare(node, opened, look)
                                                              : refresh(node, seen);
    }
    tracking.content_reported = tracking.content_reported || look.event == FileEvent::content;
    const bool grows =
        opened.source == fs::Source::local && grew(node.info, seen, tracking.growing);
    return grows ? grow(node, std::move(opened), look) : compare(node, opened, look);
}

// Another file has this name, or the same file shows other times or another size.
ContentLoader::Outcome ContentLoader::compare(FileNode& node, fs::Opened& opened,
                                              const Look& look) {
    Tracking& tracking = *node.tracking;
    const fs::Info seen = opened.info;
    const bool digested = tracking.digested && tracking.digested->info.unchanged(seen);
    const bool may_be_same = tracking.digest != nullptr && tracking.digest->whole != 0 &&
                             seen.stamp.size == node.info.stamp.size;
    if (may_be_same && !digested) {
        if (!tracking.candidate) {
            tracking.candidate_since = look.now;
        }
        tracking.candidate = seen;
        if (look.now - tracking.candidate_since < kKeptForDigest) {
            return Outcome::unstable;
        }
    }
    if (may_be_same && digested && tracking.digested->digest->whole == tracking.digest->whole) {
        Content content{.type = sniffer(node)};
        keep_open(opened, tracking.digest, content);
        accept(node, seen, std::move(content));
        return Outcome::loaded;
    }
    tracking.busy = tracking.changed_at && look.now - *tracking.changed_at < kStable;
    tracking.changed_at = look.now;
    return read(node, std::move(opened), look);
}

// Keeps the digest, the type and the open file.
ContentLoader::Outcome ContentLoader::refresh(FileNode& node, const fs::Info& info) {
    node.info = info;
    if (!node.by_stamp()) {
        return Outcome::unchanged;
    }
    node.racy = racy(info);
    forget(node);
    node.content_id = next_content_id_++;
    if (node.storage != nullptr && node.storage->live()) {
        open_nodes_.emplace(node.content_id, &node);
    }
    node.tracking->candidate.reset();
    node.tracking->content_reported = false;
    return Outcome::loaded;
}

// ---- Growth ------------------------------------------------------------------------------------

// A file in memory that grows again so soon would be copied whole for each appended line.
bool ContentLoader::begins_to_grow(FileNode& node, const fs::Info& seen, Nanos now) const {
    if (node.content_id == 0 || node.storage == nullptr || !grew(node.info, seen, false)) {
        return false;
    }
    if (node.tracking == nullptr) {
        node.tracking = std::make_unique<Tracking>();
    }
    const auto before = std::exchange(node.tracking->changed_at, now);
    return before && now - *before < kStable;
}

ContentLoader::Outcome ContentLoader::grow(FileNode& node, fs::Opened opened, const Look& look) {
    Tracking& tracking = *node.tracking;
    if (tracking.growing && tracking.published_at &&
        look.now - *tracking.published_at < kGrowthPause) {
        return Outcome::unstable;
    }
    const Growth growth = digest_growth(node, opened);
    const std::uint64_t seen_bytes = opened.info.stamp.size;
    if (growth.digest != nullptr) {
        // Shown as far as it is hashed; the rest waits for the next look.
        opened.info.stamp.size = growth.digest->size;
    }
    const fs::Info info = opened.info;
    // Too much to read here: assumed to have only grown until the background has read it.
    const bool believed = growth.at_the_end || growth.digest == nullptr;
    Content content{.type = sniffer(node)};
    keep_open(opened, growth.digest, content);
    accept(node, info, std::move(content));
    node.racy = node.racy || info.stamp.size < seen_bytes;  // so that it is looked at again
    node.bytes_id = node.content_id;
    node.type_undecided = !believed && !sniffer(node).decided();
    tracking.growing = believed;
    tracking.busy = !believed;
    tracking.changed_at = tracking.published_at = look.now;
    return Outcome::loaded;
}

// Continues from the digest that exists. Bytes beyond the size that was seen are ignored, so that
// growth meanwhile does no harm.
ContentLoader::Growth ContentLoader::digest_growth(const FileNode& node, const fs::Opened& opened) {
    const Tracking& tracking = *node.tracking;
    SharedDigest base = tracking.digest;
    if (base == nullptr && tracking.digested && grew(tracking.digested->info, opened.info, true)) {
        base = tracking.digested->digest;
    }
    if (base != nullptr) {
        if (auto digest = hash_growth(opened, *base, node.info.stamp.size)) {
            return {share(std::move(*digest)), true};
        }
    }
    return {digest_from_start(opened), false};
}

// Null when hash_growth() gives none.
SharedDigest ContentLoader::digest_from_start(const fs::Opened& opened) {
    auto digest = hash_growth(opened, ContentDigest{}, opened.info.stamp.size);
    return digest ? share(std::move(*digest)) : nullptr;
}

// A digest of at least `size_min` bytes. None when that is too much to read here, when the end of
// the base is not there any more (then the file did not grow but was rewritten), or when the bytes
// change while they are read. If the file's times moved meanwhile, it is read again: a file that
// did more than grow shows other bytes then.
std::optional<ContentDigest> ContentLoader::hash_growth(const fs::Opened& opened,
                                                        const ContentDigest& base,
                                                        std::uint64_t size_min) {
    const std::uint64_t size = std::min(opened.info.stamp.size, base.size + kGrowthReadMax);
    if (base.size > size || size < size_min) {
        return std::nullopt;
    }
    const auto read = [&]() -> std::optional<ContentDigest> {
        std::uint64_t at = base.size - base.size % ContentDigest::kBlockBytes;
        std::uint64_t old_end = base.size - at;  // old bytes that are read again
        DigestMaker maker(base);
        while (at < size) {
            const auto got = fs::read_at(opened.file, at, buffer_.get(),
                                         std::min<std::uint64_t>(kReadBytes, size - at));
            if (!got || *got < old_end || *got == 0) {
                return std::nullopt;
            }
            if (old_end != 0 && XXH3_64bits(buffer_.get(), old_end) != base.blocks.back()) {
                return std::nullopt;
            }
            old_end = 0;
            maker.add(buffer_.get(), *got);
            at += *got;
        }
        return maker.finish();
    };
    auto digest = read();
    const auto now = fs::info_of(opened.file);
    if (!digest || !now || now->unchanged(opened.info)) {
        return now ? std::move(digest) : std::nullopt;
    }
    const auto again = read();
    return again && again->blocks == digest->blocks ? std::move(digest) : std::nullopt;
}

bool ContentLoader::moves_to_memory(const FileNode& node) const {
    return node.by_stamp() && node.tracking->growing && memory_file_fits(node.info.stamp.size);
}

ContentLoader::Outcome ContentLoader::move_to_memory(FileNode& node, fs::Opened opened,
                                                     const Look& look) {
    return opened.info.unchanged(node.info) ? read(node, std::move(opened), look)
                                            : follow(node, std::move(opened), look);
}

// ---- Digests -----------------------------------------------------------------------------------

// Counted in memory_bytes as long as anyone holds it; all holders are on the loader's thread.
SharedDigest ContentLoader::share(ContentDigest digest) {
    const std::uint64_t bytes = digest.memory_bytes();
    usage_.memory_bytes += bytes;
    return {new ContentDigest(std::move(digest)), [this, bytes](const ContentDigest* last) {
                usage_.memory_bytes -= bytes;
                delete last;
            }};
}

bool ContentLoader::take_digest(FileNode& node, const fs::Info& info, ContentDigest digest) {
    if (!node.by_stamp()) {
        return false;
    }
    Tracking& tracking = *node.tracking;
    SharedDigest shared = share(std::move(digest));
    if (!info.unchanged(node.info) || tracking.candidate) {
        tracking.digested = {info, std::move(shared)};
        return false;
    }
    tracking.digest = std::move(shared);
    if (std::exchange(tracking.growing, false)) {
        node.type_undecided = !sniffer(node).decided();  // its type may have to be corrected
    }
    node.validator = hash_text(tracking.digest->whole);
    node.weak = false;
    if (node.storage != nullptr) {
        node.storage->set_digest(tracking.digest);
    }
    return refresh(node, info) == Outcome::loaded;
}

}  // namespace sluice::http
