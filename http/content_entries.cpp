// What the tree's files stand for: entries made, replaced and retired, each with its variants.
#include <memory>
#include <string>
#include <utility>

#include "http/content_scan.h"
#include "http/mime.h"

namespace sluice::http {

void ContentTree::remove_file(DirNode& dir, const std::string& name) {
    const auto found = dir.files.find(name);
    if (found == dir.files.end()) {
        return;
    }
    FileNode& file = *found->second;
    mark_dirty(dir, name);  // what it may have been a variant of
    loader_.forget(file);
    replace(file.own, nullptr);
    if (file.index != nullptr) {
        replace(file.index, nullptr);
        replace(dir.redirect, nullptr);
    }
    for (OwnedEntry*& variant : file.variants) {
        replace_variant(variant, nullptr);
    }
    dir.coded_files -= is_coded(name) ? 1U : 0U;
    --file_count_;
    dir.files.erase(found);
}

void ContentTree::mark_dirty(DirNode& dir, const std::string& name) {
    const auto mark = [&dir](const std::string& which) {
        const auto found = dir.files.find(which);
        if (found != dir.files.end() && !std::exchange(found->second->dirty, true)) {
            dir.dirty.push_back(which);
        }
    };
    mark(name);
    for (const CodingName& coding : kCodings) {
        if (name.ends_with(coding.suffix)) {
            mark(name.substr(0, name.size() - coding.suffix.size()));
        }
    }
}

void ContentTree::build_dirty(DirNode& dir) {
    for (const std::string& name : std::exchange(dir.dirty, {})) {
        if (const auto found = dir.files.find(name); found != dir.files.end()) {
            build(dir, *found->second);
        }
    }
}

FileNode* ContentTree::usable_sibling(DirNode& dir, const FileNode& file, std::size_t coding) {
    if (dir.coded_files == 0) {
        return nullptr;
    }
    const auto found = dir.files.find(file.name + std::string(kCodings[coding].suffix));
    if (found == dir.files.end()) {
        return nullptr;
    }
    FileNode& sibling = *found->second;
    const bool stale = sibling.info.stamp.mtime_ns < file.info.stamp.mtime_ns;
    return sibling.content_id != 0 && !stale ? &sibling : nullptr;
}

void ContentTree::build(DirNode& dir, FileNode& file) {
    if (!std::exchange(file.dirty, false) || file.content_id == 0) {
        return;
    }
    bool changed = file.own == nullptr || file.own->source != file.content_id;
    const std::string path = dir.path + file.name;
    const std::string_view type = content_type_of(path);
    for (std::size_t i = 0; i < kVariantCodings; ++i) {
        FileNode* sibling = usable_sibling(dir, file, i);
        const OwnedEntry* present = file.variants[i];
        if ((sibling != nullptr ? sibling->content_id : 0) ==
            (present != nullptr ? present->source : 0)) {
            continue;
        }
        changed = true;
        std::unique_ptr<OwnedEntry> variant;
        if (sibling != nullptr) {
            build(dir, *sibling);  // its bytes are copied from its own entry
            variant = loader_.make_entry(*sibling, path, static_cast<Coding>(i + 1), type);
            loader_.finish_entry(*variant, *sibling);
        }
        replace_variant(file.variants[i], std::move(variant));
    }
    if (!changed) {
        return;
    }
    const auto make = [&](std::string as) {
        auto entry = loader_.make_entry(file, std::move(as), Coding::identity, type);
        for (std::size_t i = 0; i < kVariantCodings; ++i) {
            entry->variants[i] = file.variants[i];
            entry->vary = entry->vary || file.variants[i] != nullptr;
        }
        loader_.finish_entry(*entry, file);
        return entry;
    };
    if (file.name == kIndexName) {
        replace(file.index, make(dir.path));
        if (dir.parent != nullptr && dir.redirect == nullptr) {
            replace(dir.redirect, loader_.make_redirect(dir.path.substr(0, dir.path.size() - 1)));
        }
    }
    replace(file.own, make(path));
    file.bytes = PendingBytes();
}

void ContentTree::replace(OwnedEntry*& place, std::unique_ptr<OwnedEntry> entry) {
    if (place != nullptr || entry != nullptr) {
        changes_.push_back({place, entry.get()});
        replace_variant(place, std::move(entry));
    }
}

void ContentTree::replace_variant(OwnedEntry*& place, std::unique_ptr<OwnedEntry> entry) {
    if (place != nullptr) {
        cold_.erase(place);
        if (place->born == 0) {
            place->home.reset();  // never published: its descriptor need not wait for anyone
        }
        retired_.emplace_back(place);
    }
    place = entry.release();
    if (place != nullptr && place->cold) {
        cold_.emplace(place, place->node);
    }
}

}  // namespace sluice::http
