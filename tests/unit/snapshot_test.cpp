#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "http/snapshot.h"

namespace sluice::http {
namespace {

class Entries {
  public:
    const Entry* make(std::string path) {
        entries_.push_back(std::make_unique<Entry>());
        entries_.back()->path = std::move(path);
        return entries_.back().get();
    }

  private:
    std::vector<std::unique_ptr<Entry>> entries_;
};

TEST(Snapshot, AnEmptyOneFindsNothing) {
    const Snapshot snapshot({}, 7);
    EXPECT_EQ(snapshot.find("/"), nullptr);
    EXPECT_EQ(snapshot.find(""), nullptr);
    EXPECT_EQ(snapshot.version(), 7U);
}

TEST(Snapshot, FindsEveryPathAndNoOther) {
    Entries entries;
    std::vector<const Entry*> all;
    for (int i = 0; i < 5000; ++i) {
        all.push_back(entries.make("/d" + std::to_string(i % 70) + "/f" + std::to_string(i)));
    }
    const Snapshot snapshot(all, 1);
    for (const Entry* entry : all) {
        EXPECT_EQ(snapshot.find(entry->path), entry);
        EXPECT_EQ(snapshot.find(entry->path + "x"), nullptr);
        EXPECT_EQ(snapshot.find(entry->path.substr(1)), nullptr);
    }
    EXPECT_EQ(snapshot.entries().size(), all.size());
}

TEST(Snapshot, ComparesWholePathsIncludingNulBytes) {
    Entries entries;
    const Entry* entry = entries.make(std::string("/a\0b", 4));
    const Snapshot snapshot({entry}, 1);
    EXPECT_EQ(snapshot.find(std::string_view("/a\0b", 4)), entry);
    EXPECT_EQ(snapshot.find(std::string_view("/a\0c", 4)), nullptr);
    EXPECT_EQ(snapshot.find("/a"), nullptr);
}

// Every sequence of changes must give the table that a map gives.
TEST(Snapshot, ChangesAgreeWithAMap) {
    std::mt19937 random(20240607);
    Entries entries;
    std::map<std::string, const Entry*> model;
    auto snapshot = std::make_unique<Snapshot>(std::vector<const Entry*>{}, 0);
    for (std::uint64_t version = 1; version <= 300; ++version) {
        std::vector<Snapshot::Change> changes;
        const std::size_t count = random() % 40;
        for (std::size_t i = 0; i < count; ++i) {
            const std::string path = "/" + std::to_string(random() % 400);
            const auto found = model.find(path);
            const Entry* before = found == model.end() ? nullptr : found->second;
            // In some stretches most changes are removals, so that the table also shrinks.
            const bool removes = before != nullptr && random() % 3 < (version / 100) % 3;
            const Entry* after = removes ? nullptr : entries.make(path);
            changes.push_back({before, after});
            if (removes) {
                model.erase(found);
            } else {
                model[path] = after;
            }
        }
        snapshot = std::make_unique<Snapshot>(*snapshot, changes, version);
        ASSERT_EQ(snapshot->entries().size(), model.size());
        for (int i = 0; i < 400; ++i) {
            const std::string path = "/" + std::to_string(i);
            const auto found = model.find(path);
            ASSERT_EQ(snapshot->find(path), found == model.end() ? nullptr : found->second);
        }
        for (const Entry* entry : snapshot->entries()) {
            ASSERT_EQ(model.at(entry->path), entry);
        }
    }
}

TEST(Snapshot, LookUpInALargeTreeIsCheap) {
    Entries entries;
    std::vector<const Entry*> all;
    for (int i = 0; i < 100'000; ++i) {
        all.push_back(entries.make("/directory" + std::to_string(i % 1000) + "/page" +
                                   std::to_string(i) + ".html"));
    }
    const Snapshot snapshot(all, 1);
    std::mt19937 random(1);
    std::shuffle(all.begin(), all.end(), random);
    std::vector<std::string> paths;  // the request's own bytes, not the entry's
    for (const Entry* entry : all) {
        paths.push_back(entry->path);
    }
    const auto measure = [&](std::size_t count) {
        const auto start = std::chrono::steady_clock::now();
        std::size_t found = 0;
        for (std::size_t i = 0; i < all.size(); ++i) {
            found += snapshot.find(paths[i % count]) == all[i % count] ? 1U : 0U;
        }
        EXPECT_EQ(found, all.size());
        const std::chrono::duration<double, std::nano> taken =
            std::chrono::steady_clock::now() - start;
        return taken.count() / static_cast<double>(all.size());
    };
    const double all_different = measure(all.size());
    const double few = measure(16);
    std::printf("look-up among 100,000: %.0f ns, the same few: %.0f ns\n", all_different, few);
    EXPECT_LT(all_different, 50'000) << "not a table any more";
}

}  // namespace
}  // namespace sluice::http
