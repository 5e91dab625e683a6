// The entries of the tree's files: made, replaced and retired, each with its variants.
#include <memory>
#include <string>
#include <utility>

#include "content/decoder.h"
#include "content/tree.h"

namespace sluice::http {

void ContentTree::remove_file(DirNode& dir, const std::string& name) {
    const auto found = dir.files.find(name);
    if (found == dir.files.end()) {
        return;
    }
    FileNode& file = *found->second;
    mark_dirty(dir, name);  // also the file that it may be a variant of
    loader_.forget(file);
    digests_.forget(file);
    replace(file.own, nullptr);
    if (file.index != nullptr) {
        replace(file.index, nullptr);
        replace(dir.redirect, nullptr);
    }
    for (OwnedEntry*& variant : file.variants) {
        replace_variant(variant, nullptr);
    }
    forget_wrong(dir.path + name);
    dir.coded_files -= is_coded(name) ? 1U : 0U;
    --file_count_;
    repeated_count_ -= file.repeated ? 1U : 0U;
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

void ContentTree::build_name(DirNode& dir, const std::string& name) {
    if (const auto found = dir.files.find(name); found != dir.files.end()) {
        build(dir, *found->second);
    }
}

FileNode* ContentTree::sibling_of(DirNode& dir, const FileNode& file, std::size_t coding) {
    const auto which = static_cast<Coding>(coding + 1);
    if (dir.coded_files == 0 || !can_decode(which) || file.coding != Coding::identity) {
        return nullptr;
    }
    const auto found = dir.files.find(file.name + std::string(kCodings[coding].suffix));
    if (found == dir.files.end() || found->second->content_id == 0) {
        return nullptr;
    }
    FileNode& sibling = *found->second;
    if (file.growing() || sibling.growing()) {
        return nullptr;  // they would be compared again and again
    }
    SiblingNote& note = sibling.sibling;
    if (note.file_bytes != file.bytes_id || note.own_bytes != sibling.bytes_id) {
        note = {.file_bytes = file.bytes_id, .own_bytes = sibling.bytes_id};
        forget_wrong(dir.path + sibling.name);
        // A larger sibling saves nothing, whatever it holds.
        if (sibling.info.stamp.size <= file.info.stamp.size) {
            note.state = SiblingNote::State::undecided;
            request_check(dir, file, which, &sibling);
        }
    }
    return note.state == SiblingNote::State::unusable ? nullptr : &sibling;
}

void ContentTree::build(DirNode& dir, FileNode& file) {
    if (!std::exchange(file.dirty, false) || file.content_id == 0) {
        return;
    }
    if (std::exchange(file.type_undecided, false)) {
        request_check(dir, file, Coding::identity, nullptr);
    }
    const std::string path = dir.path + file.name;
    const std::string_view type = file.content_type;
    const bool other_type =
        file.own != nullptr && (file.own->content_type != type || file.own->coding != file.coding);
    bool changed = file.own == nullptr || file.own->source != file.content_id || other_type;
    bool vary = false;
    for (std::size_t i = 0; i < kVariantCodings; ++i) {
        FileNode* sibling = sibling_of(dir, file, i);
        vary = vary || sibling != nullptr;  // also while it is not known: caches must expect it
        if (sibling != nullptr && sibling->sibling.state != SiblingNote::State::same) {
            sibling = nullptr;
        }
        const OwnedEntry* present = file.variants[i];
        if (!other_type && (sibling != nullptr ? sibling->content_id : 0) ==
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
    if (!changed && file.own->vary == vary) {
        return;
    }
    const auto make = [&](std::string as) {
        auto entry = loader_.make_entry(file, std::move(as), file.coding, type);
        for (std::size_t i = 0; i < kVariantCodings; ++i) {
            entry->variants[i] = file.variants[i];
        }
        entry->vary = vary;
        loader_.finish_entry(*entry, file);
        return entry;
    };
    if (file.name == kIndexName) {
        replace(file.index, make(dir.path));
        if (dir.parent != nullptr && dir.redirect == nullptr) {
            end_file_before(dir);
            replace(dir.redirect, loader_.make_redirect(dir.path.substr(0, dir.path.size() - 1)));
        }
    }
    replace(file.own, make(path));
    file.bytes = PendingBytes();
    file.metadata = loader_.cost_of(file);
}

void ContentTree::replace(OwnedEntry*& place, std::unique_ptr<OwnedEntry> entry) {
    if (place != nullptr || entry != nullptr) {
        changes_.push_back({place, entry.get()});
        replace_variant(place, std::move(entry));
    }
}

void ContentTree::replace_variant(OwnedEntry*& place, std::unique_ptr<OwnedEntry> entry) {
    if (place != nullptr) {
        unloaded_.erase(place);
        if (place->first_version == 0) {
            place->storage.reset();  // never published: nobody uses its descriptor
        }
        retired_.emplace_back(place);
    }
    place = entry.release();
    if (place != nullptr && place->unloaded) {
        unloaded_.emplace(place, place->node);
    }
}

}  // namespace sluice::http
