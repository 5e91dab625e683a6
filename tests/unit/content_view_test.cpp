#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "http/content.h"
#include "http/load_queue.h"

namespace sluice::http {
namespace {

std::unique_ptr<Snapshot> make_snapshot(std::uint64_t version) {
    return std::make_unique<Snapshot>(std::vector<const Entry*>{}, version);
}

TEST(ContentView, TakesAnOfferOnce) {
    const auto first = make_snapshot(1);
    {
        ContentView view;
        EXPECT_FALSE(view.ready());
        EXPECT_FALSE(view.refresh());
        view.offer(first.get());
        EXPECT_EQ(first->holders, 1U);
        EXPECT_TRUE(view.refresh());
        EXPECT_TRUE(view.ready());
        EXPECT_FALSE(view.refresh());
        EXPECT_EQ(view.current().version(), 1U);
        EXPECT_EQ(first->holders, 1U);
    }
    EXPECT_EQ(first->holders, 0U);
}

TEST(ContentView, LetsGoOfOffersThatNobodyTook) {
    std::vector<std::unique_ptr<Snapshot>> snapshots;
    ContentView view;
    for (std::uint64_t version = 1; version <= 100; ++version) {
        snapshots.push_back(make_snapshot(version));
        view.offer(snapshots.back().get());
    }
    for (std::size_t i = 0; i + 1 < snapshots.size(); ++i) {
        EXPECT_EQ(snapshots[i]->holders, 0U);
    }
    EXPECT_TRUE(view.refresh());
    EXPECT_EQ(view.current().version(), 100U);
}

TEST(ContentView, APinOutlivesRefresh) {
    const auto first = make_snapshot(1);
    const auto second = make_snapshot(2);
    ContentView view;
    view.offer(first.get());
    EXPECT_TRUE(view.refresh());
    const Snapshot* one = view.pin();
    const Snapshot* two = view.pin();
    EXPECT_EQ(one, first.get());
    view.offer(second.get());
    EXPECT_TRUE(view.refresh());
    EXPECT_EQ(first->holders, 1U) << "still pinned";
    view.unpin(one);
    EXPECT_EQ(first->holders, 1U) << "pinned twice";
    view.unpin(two);
    EXPECT_EQ(first->holders, 0U);
    EXPECT_EQ(second->holders, 1U);
}

TEST(ContentView, UnpinningTheCurrentOneKeepsIt) {
    const auto first = make_snapshot(1);
    ContentView view;
    view.offer(first.get());
    EXPECT_TRUE(view.refresh());
    view.unpin(view.pin());
    EXPECT_EQ(first->holders, 1U);
}

TEST(ContentView, ManyVersionsPinnedAndLetGoInAnyOrder) {
    std::vector<std::unique_ptr<Snapshot>> snapshots;
    std::vector<const Snapshot*> pins;
    ContentView view;
    for (std::uint64_t version = 1; version <= 100; ++version) {
        snapshots.push_back(make_snapshot(version));
        view.offer(snapshots.back().get());
        EXPECT_TRUE(view.refresh());
        if (version % 3 != 0) {
            pins.push_back(view.pin());
        }
    }
    for (std::size_t i = 0; i < snapshots.size(); ++i) {
        EXPECT_EQ(snapshots[i]->holders, (i + 1) % 3 != 0 || i == 99 ? 1U : 0U) << i;
    }
    while (!pins.empty()) {
        const std::size_t at = pins.size() * 7 / 11;
        view.unpin(pins[at]);
        pins.erase(pins.begin() + static_cast<std::ptrdiff_t>(at));
    }
    for (std::size_t i = 0; i + 1 < snapshots.size(); ++i) {
        EXPECT_EQ(snapshots[i]->holders, 0U) << i;
    }
}

TEST(ContentViewDeathTest, UnpinningWhatIsNotPinnedIsCaught) {
    const auto first = make_snapshot(1);
    const auto second = make_snapshot(2);
    ContentView view;
    view.offer(first.get());
    EXPECT_TRUE(view.refresh());
    EXPECT_DEATH(view.unpin(second.get()), "CHECK failed");
    EXPECT_DEATH(view.unpin(first.get()), "CHECK failed");
}

TEST(ContentView, WithoutAStoreNothingCanBeLoaded) {
    ContentView view;
    const Entry entry;
    EXPECT_FALSE(view.request_load(entry));
}

TEST(LoadQueue, TakesEachEntryOnceAndHasABound) {
    int wakes = 0;
    ContentView::LoadQueue queue([&wakes] { ++wakes; });
    ContentView view;
    view.connect(&queue);
    std::vector<Entry> entries(ContentView::LoadQueue::kCapacity + 1);
    for (std::size_t i = 0; i + 1 < entries.size(); ++i) {
        EXPECT_TRUE(view.request_load(entries[i]));
        EXPECT_TRUE(view.request_load(entries[i]));
    }
    EXPECT_FALSE(view.request_load(entries.back()));
    EXPECT_TRUE(view.request_load(entries.front())) << "it waits already";
    EXPECT_EQ(wakes, 1) << "only when it stops being empty";
    ContentView::LoadQueue::Batch batch;
    EXPECT_EQ(queue.drain(batch), ContentView::LoadQueue::kCapacity);
    EXPECT_EQ(batch[3], &entries[3]);
    EXPECT_EQ(queue.drain(batch), 0U);
    EXPECT_TRUE(view.request_load(entries.back()));
    EXPECT_EQ(wakes, 2);
}

// One thread publishes and frees, others take, read and pin: what the thread sanitizer is for.
TEST(ContentView, ManyThreadsAndManyOffers) {
    constexpr std::uint64_t kVersions = 20'000;
    constexpr std::size_t kReaders = 2;
    struct Published {
        std::unique_ptr<Entry> entry;
        std::unique_ptr<Snapshot> snapshot;
    };
    std::vector<Published> published;  // outlives the views
    std::array<ContentView, kReaders> views;
    std::atomic<bool> done{false};
    std::vector<std::thread> readers;
    std::array<std::uint64_t, kReaders> taken{};
    for (std::size_t i = 0; i < kReaders; ++i) {
        readers.emplace_back([&, i] {
            ContentView& view = views[i];
            std::vector<const Snapshot*> pins;
            std::uint64_t last = 0;
            for (bool more = true; more;) {
                more = !done.load();
                if (!view.refresh()) {
                    std::this_thread::yield();
                    continue;
                }
                ++taken[i];
                const Entry* entry = view.current().find("/a");
                ASSERT_NE(entry, nullptr);
                ASSERT_EQ(entry->size, view.current().version());
                ASSERT_GT(entry->size, last);
                last = entry->size;
                pins.push_back(view.pin());
                if (pins.size() == 5) {
                    ASSERT_EQ(pins.front()->find("/a")->size, pins.front()->version());
                    view.unpin(pins.front());
                    pins.erase(pins.begin());
                }
            }
            for (const Snapshot* pin : pins) {
                view.unpin(pin);
            }
        });
    }
    std::size_t most = 0;
    for (std::uint64_t version = 1; version <= kVersions; ++version) {
        Published next;
        next.entry = std::make_unique<Entry>();
        next.entry->path = "/a";
        next.entry->size = version;
        next.snapshot =
            std::make_unique<Snapshot>(std::vector<const Entry*>{next.entry.get()}, version);
        for (ContentView& view : views) {
            view.offer(next.snapshot.get());
        }
        published.push_back(std::move(next));
        std::erase_if(published, [](const Published& old) {
            return old.snapshot->holders.load(std::memory_order_acquire) == 0;
        });
        most = std::max(most, published.size());
    }
    done = true;
    for (std::thread& reader : readers) {
        reader.join();
    }
    // Each reader: five pinned, one current, one offered.
    EXPECT_LE(most, 1 + kReaders * 7) << "an old snapshot was not let go";
    for (std::size_t i = 0; i < kReaders; ++i) {
        EXPECT_GT(taken[i], 0U);
        EXPECT_EQ(views[i].current().version(), kVersions);
    }
}

}  // namespace
}  // namespace sluice::http
