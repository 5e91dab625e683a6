// Checks that run beside the loader's thread, because they may take long and nobody waits for them:
// whether a precompressed sibling holds the same bytes as its file, and the type of a file that was
// too large to be read. Until then a file is sent as it is, with Vary, and with the type of its
// name.
//
// A job opens the files for itself and knows no node. Its result holds for the contents that it was
// asked about: when one of them has changed by then, the result is dropped, and the new content has
// a check of its own.
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "content/sibling_check.h"
#include "content/tree.h"

namespace sluice::http {

namespace {

// Checks run one after the other; this many are opened ahead.
constexpr std::size_t kChecksAtOnce = 8;
// Taking results may publish a snapshot, which costs a copy of its table.
constexpr Nanos kGather = 100 * kMillisecond;
constexpr Nanos kPostpone = 100 * kMillisecond;
// A deploy replaces files and siblings one after the other; only a lasting difference is worth a
// line.
constexpr Nanos kTellAfter = kSecond;
// Text beyond this size is not read to its end, so no charset is declared for it.
constexpr std::uint64_t kSniffedBytesMax = 16ULL * 1024 * 1024;
constexpr std::size_t kSniffBufferBytes = 64 * 1024;

bool has_changed(const fs::Opened& opened) {
    if (opened.source == fs::Source::copy) {
        return false;
    }
    const auto info = fs::info_of(opened.file);
    return !info || !info->unchanged(opened.info);
}

ReadAt reader_of(const fs::File& file) {
    return [&file](std::uint64_t offset, char* out, std::size_t room) {
        return fs::read_at(file, offset, out, room);
    };
}

void sniff_bytes(const fs::File& file, TypeSniffer& sniffer, const std::stop_token& stop) {
    const auto buffer = std::make_unique_for_overwrite<char[]>(kSniffBufferBytes);
    std::uint64_t offset = 0;
    while (!sniffer.decided() && offset < kSniffedBytesMax && !stop.stop_requested()) {
        const auto got = fs::read_at(file, offset, buffer.get(), kSniffBufferBytes);
        if (!got) {
            return;
        }
        if (*got == 0) {
            sniffer.end();
        }
        sniffer.look({buffer.get(), *got});
        offset += *got;
    }
}

}  // namespace

// ---- Asking ------------------------------------------------------------------------------------

void ContentTree::request_check(const DirNode& dir, const FileNode& file, Coding coding,
                                const FileNode* sibling) {
    checks_.emplace(file.info.stamp.size,
                    Check{.directory = dir.path,
                          .name = file.name,
                          .coding = coding,
                          .file_bytes = file.bytes_id,
                          .sibling_bytes = sibling != nullptr ? sibling->bytes_id : 0});
}

ContentTree::CheckSubject ContentTree::subject_of(const Check& check) {
    DirNode* dir = find_directory(check.directory);
    if (dir == nullptr) {
        return {};
    }
    const auto find = [dir](const std::string& name, std::uint64_t bytes) {
        const auto found = dir->files.find(name);
        const bool same = found != dir->files.end() && found->second->bytes_id == bytes;
        return same ? found->second.get() : nullptr;
    };
    CheckSubject subject{.dir = dir, .file = find(check.name, check.file_bytes)};
    if (check.coding != Coding::identity) {
        const CodingName& coding = kCodings[static_cast<std::size_t>(check.coding) - 1];
        subject.sibling = find(check.name + std::string(coding.suffix), check.sibling_bytes);
        if (subject.sibling == nullptr) {
            return {};
        }
    }
    return subject;
}

Status ContentTree::begin_check(const fs::Root& root, const Check& check,
                                const CheckSubject& subject) {
    auto file = open_again(root, *subject.file);
    if (!file) {
        return file.error();
    }
    if (file->source == fs::Source::remote) {
        return Status::not_supported;  // such files are not read
    }
    if (!file->info.unchanged(subject.file->info)) {
        return Status::changed;
    }
    if (check.coding == Coding::identity) {
        sniff_later(check, *subject.file, std::move(*file));
        return Status::ok;
    }
    auto sibling = open_again(root, *subject.sibling);
    if (!sibling) {
        return sibling.error();
    }
    if (!sibling->info.unchanged(subject.sibling->info)) {
        return Status::changed;
    }
    compare_later(check, std::move(*file), std::move(*sibling));
    return Status::ok;
}

void ContentTree::begin_checks(const fs::Root& root, Nanos now) {
    if (now >= postponed_due_) {
        postponed_due_ = kNever;
        for (Check& check : std::exchange(postponed_checks_, {})) {
            if (const CheckSubject subject = subject_of(check); subject.file != nullptr) {
                checks_.emplace(subject.file->info.stamp.size, std::move(check));
            }
        }
    }
    const Slice slice(options_);
    while (!checks_.empty() && checks_running_ < kChecksAtOnce && !slice.over()) {
        const Check check = std::move(checks_.extract(checks_.begin()).mapped());
        const CheckSubject subject = subject_of(check);
        if (subject.file == nullptr) {
            continue;
        }
        if (is_missing(subject.dir)) {
            postponed_checks_.push_back(check);  // it comes back, or is removed
            continue;
        }
        const Status status = begin_check(root, check, subject);
        if (status == Status::ok) {
            ++checks_running_;
        } else if (status == fs::kPending || status == fs::kUnresponsive) {
            postponed_checks_.push_back(check);
        } else if (status == Status::not_supported) {
            continue;
        } else if (status == Status::no_fds || status == Status::no_memory) {
            postponed_checks_.push_back(check);
            break;
        } else {
            postpone(check, subject);
        }
    }
    if (!postponed_checks_.empty() && postponed_due_ == kNever) {
        postponed_due_ = now + kPostpone;
    }
}

// The disk has other content than the tree knows: the tree looks first.
void ContentTree::postpone(const Check& check, const CheckSubject& subject) {
    look_later(*subject.dir, subject.file->name);
    if (subject.sibling != nullptr) {
        look_later(*subject.dir, subject.sibling->name);
    }
    postponed_checks_.push_back(check);
}

// ---- Beside the loader's thread ----------------------------------------------------------------

void ContentTree::compare_later(const Check& check, fs::Opened file, fs::Opened sibling) {
    background_.submit([this, check, file = std::move(file), sibling = std::move(sibling)](
                           const std::stop_token& stop) -> BackgroundWork::Finish {
        const SiblingVerdict verdict =
            check_sibling(check.coding, reader_of(file.file), reader_of(sibling.file), stop);
        Finding finding = Finding::unreadable;
        if (has_changed(file) || has_changed(sibling)) {
            finding = Finding::changed;
        } else if (verdict != SiblingVerdict::cannot_tell) {
            finding = verdict == SiblingVerdict::same ? Finding::same : Finding::different;
        }
        return [this, check, finding] { finish_comparing(check, finding); };
    });
}

void ContentTree::sniff_later(const Check& check, const FileNode& node, fs::Opened file) {
    background_.submit([this, check, sniffer = loader_.sniffer(node), file = std::move(file)](
                           const std::stop_token& stop) mutable -> BackgroundWork::Finish {
        sniff_bytes(file.file, sniffer, stop);
        return [this, check, sniffer = std::move(sniffer), changed = has_changed(file)] {
            finish_sniffing(check, sniffer, changed);
        };
    });
}

// ---- What was found out ------------------------------------------------------------------------

void ContentTree::finish_comparing(const Check& check, Finding finding) {
    --checks_running_;
    const CheckSubject subject = subject_of(check);
    if (subject.file == nullptr) {
        return;
    }
    if (finding == Finding::changed) {
        return postpone(check, subject);
    }
    subject.sibling->sibling.state =
        finding == Finding::same ? SiblingNote::State::same : SiblingNote::State::unusable;
    if (finding == Finding::different) {
        wrong_siblings_.insert(subject.dir->path + subject.sibling->name);
    }
    mark_dirty(*subject.dir, subject.file->name);
    checked_.insert(subject.dir->path);
}

void ContentTree::finish_sniffing(const Check& check, const TypeSniffer& sniffer, bool changed) {
    --checks_running_;
    const CheckSubject subject = subject_of(check);
    if (subject.file == nullptr) {
        return;
    }
    if (changed) {
        return postpone(check, subject);
    }
    loader_.set_type(*subject.file, sniffer);
    mark_dirty(*subject.dir, subject.file->name);
    checked_.insert(subject.dir->path);
}

void ContentTree::build_checked() {
    checked_due_ = kNever;
    for (const std::string& path : std::exchange(checked_, {})) {
        if (DirNode* dir = find_directory(path)) {
            build_dirty(*dir);
        }
    }
}

void ContentTree::check_content(const fs::Root& root, Nanos now) {
    if (!checked_.empty()) {
        checked_due_ = std::min(checked_due_, now + kGather);
        if (now >= checked_due_ || (checks_.empty() && checks_running_ == 0)) {
            build_checked();
        }
    }
    if (walk_due() > now) {  // before that the tree may not know what is on disk
        begin_checks(root, now);
    }
    warn_of_wrong_siblings(now);
}

Nanos ContentTree::checks_due() const {
    const bool more =
        !checks_.empty() && checks_running_ < kChecksAtOnce && postponed_due_ == kNever;
    return more ? 0 : std::min({checked_due_, postponed_due_, wrong_due_});
}

// ---- What the user should know -----------------------------------------------------------------

void ContentTree::forget_wrong(const std::string& path) {
    if (!wrong_siblings_.empty()) {
        wrong_siblings_.erase(path);
    }
}

void ContentTree::warn_of_wrong_siblings(Nanos now) {
    if (wrong_siblings_.size() <= wrong_warned_) {
        wrong_warned_ = wrong_siblings_.size();
        wrong_due_ = kNever;
        return;
    }
    wrong_due_ = std::min(wrong_due_, now + kTellAfter);
    if (now < wrong_due_) {
        return;
    }
    wrong_due_ = kNever;
    wrong_warned_ = wrong_siblings_.size();
    std::string line = std::to_string(wrong_warned_);
    line.append(wrong_warned_ == 1 ? " compressed file is" : " compressed files are");
    line.append(" not what the file beside it holds: not used, among them ");
    options_.warn(line.append(*wrong_siblings_.begin()));
}

}  // namespace sluice::http
