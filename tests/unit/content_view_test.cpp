#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "http/content_view.h"
#include "http/load_queue.h"

namespace sluice::http {
namespace {

std::unique_ptr<Snapshot> make_snapshot(std::uint64_t version) {
    return std::make_unique<Snapshot>(std::vector<const Entry*>{}, version);
}

bool replace_content(ContentView& view, const Snapshot& with) {
    view.offer(&with);
    return view.refresh();
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

TEST(ContentView, APinKeepsTheEntryAndNotTheSnapshot) {
    const auto first = make_snapshot(1);
    const auto second = make_snapshot(2);
    const auto third = make_snapshot(3);
    const Entry entry;
    EntryPin one;
    EntryPin two;
    ContentView view;
    EXPECT_TRUE(replace_content(view, *first));
    view.pin(one, entry);
    view.pin(two, entry);
    EXPECT_EQ(one.entry(), &entry);
    EXPECT_EQ(entry.holders, 0U) << "the snapshot keeps it";
    EXPECT_TRUE(replace_content(view, *second));
    EXPECT_EQ(first->holders, 0U);
    EXPECT_EQ(entry.holders, 2U);
    EXPECT_TRUE(replace_content(view, *third));
    EXPECT_EQ(entry.holders, 2U);
    view.unpin(one);
    EXPECT_EQ(one.entry(), nullptr);
    EXPECT_EQ(entry.holders, 1U);
    view.unpin(two);
    EXPECT_EQ(entry.holders, 0U);
    EXPECT_EQ(third->holders, 1U);
}

TEST(ContentView, APinThatIsGoneBeforeARefreshLeavesNothing) {
    const auto first = make_snapshot(1);
    const auto second = make_snapshot(2);
    const std::array<Entry, 5> entries;
    std::array<EntryPin, 5> pins;
    ContentView view;
    EXPECT_TRUE(replace_content(view, *first));
    for (std::size_t i = 0; i < pins.size(); ++i) {
        view.pin(pins[i], entries[i]);
    }
    for (const std::size_t i : {2U, 4U, 0U}) {  // from the middle, and both ends
        view.unpin(pins[i]);
    }
    view.pin(pins[2], entries[4]);
    EXPECT_TRUE(replace_content(view, *second));
    EXPECT_EQ(first->holders, 0U);
    for (std::size_t i = 0; i < pins.size(); ++i) {
        EXPECT_EQ(entries[i].holders, i == 1 || i == 3 || i == 4 ? 1U : 0U) << i;
    }
    for (const std::size_t i : {1U, 2U, 3U}) {
        view.unpin(pins[i]);
    }
    for (const Entry& entry : entries) {
        EXPECT_EQ(entry.holders, 0U);
    }
}

TEST(ContentView, ManyVersionsPinnedAndLetGoInAnyOrder) {
    constexpr std::size_t kVersions = 100;
    std::vector<std::unique_ptr<Snapshot>> snapshots;
    const std::vector<Entry> entries(kVersions);
    std::vector<EntryPin> pins(kVersions);
    ContentView view;
    for (std::size_t i = 0; i < kVersions; ++i) {
        snapshots.push_back(make_snapshot(i + 1));
        EXPECT_TRUE(replace_content(view, *snapshots.back()));
        view.pin(pins[i], entries[i]);
        if (i >= 10) {
            view.unpin(pins[i - 10 + i % 3]);
            view.pin(pins[i - 10 + i % 3], entries[i]);
        }
        for (std::size_t old = 0; old < i; ++old) {
            EXPECT_EQ(snapshots[old]->holders, 0U) << "with as many pins as one likes";
        }
    }
    for (std::size_t i = 0; i < kVersions; ++i) {
        view.unpin(pins[i * 37 % kVersions]);
    }
    for (const Entry& entry : entries) {
        EXPECT_EQ(entry.holders, 0U);
    }
}

TEST(ContentViewDeathTest, PinsOutOfBalanceAreCaught) {
    const auto first = make_snapshot(1);
    const Entry entry;
    EntryPin pin;
    auto view = std::make_unique<ContentView>();
    EXPECT_TRUE(replace_content(*view, *first));
    EXPECT_DEATH(view->unpin(pin), "CHECK failed");
    view->pin(pin, entry);
    EXPECT_DEATH(view->pin(pin, entry), "CHECK failed");
    EXPECT_DEATH(view.reset(), "CHECK failed") << "nobody would be left to count the pin";
    view->unpin(pin);
    EXPECT_DEATH(view->unpin(pin), "CHECK failed");
}

TEST(ContentView, WithoutAStoreNothingCanBeLoaded) {
    ContentView view;
    const Entry entry;
    EXPECT_FALSE(view.request_load(entry));
}

TEST(LoadQueue, TakesEachEntryOnceAndHasABound) {
    int wakes = 0;
    LoadQueue queue([&wakes] { ++wakes; });
    ContentView view;
    view.connect(&queue);
    std::vector<Entry> entries(LoadQueue::kCapacity + 1);
    for (std::size_t i = 0; i + 1 < entries.size(); ++i) {
        EXPECT_TRUE(view.request_load(entries[i]));
        EXPECT_TRUE(view.request_load(entries[i]));
    }
    EXPECT_FALSE(view.request_load(entries.back()));
    EXPECT_TRUE(view.request_load(entries.front())) << "it waits already";
    EXPECT_EQ(wakes, 1) << "only when it stops being empty";
    LoadQueue::Batch batch;
    EXPECT_EQ(queue.drain(batch), LoadQueue::kCapacity);
    EXPECT_EQ(batch[3], &entries[3]);
    EXPECT_EQ(queue.drain(batch), 0U);
    EXPECT_TRUE(view.request_load(entries.back()));
    EXPECT_EQ(wakes, 2);
}

// One thread publishes and frees, others take, read and pin, for the thread sanitizer to watch.
class Reader {
  public:
    static constexpr std::size_t kPins = 5;

    // Runs until `done`, and takes what was offered before that.
    void run(const std::atomic<bool>& done) {
        for (bool more = true; more;) {
            more = !done.load();
            if (view.refresh()) {
                take();
            } else {
                std::this_thread::yield();
            }
        }
        for (std::size_t at = 0; at < kPins; ++at) {
            unpin(at);
        }
    }

    ContentView view;
    std::uint64_t taken = 0;

  private:
    void take() {
        const std::size_t at = ++taken % kPins;
        const Entry* entry = view.current().find("/a");
        ASSERT_NE(entry, nullptr);
        ASSERT_EQ(entry->size, view.current().version());
        ASSERT_GT(entry->size, last_);
        last_ = entry->size;
        unpin(at);
        versions_[at] = entry->size;
        view.pin(pins_[at], *entry);
    }
    void unpin(std::size_t at) {
        if (pins_[at].entry() != nullptr) {
            ASSERT_EQ(pins_[at].entry()->size, versions_[at]);
            view.unpin(pins_[at]);
        }
    }

    std::array<EntryPin, kPins> pins_;
    std::array<std::uint64_t, kPins> versions_{};
    std::uint64_t last_ = 0;
};

struct Published {
    std::unique_ptr<Entry> entry;
    std::unique_ptr<Snapshot> snapshot;  // goes first
};

Published publish(std::uint64_t version, std::span<Reader> readers) {
    Published next;
    next.entry = std::make_unique<Entry>();
    next.entry->path = "/a";
    next.entry->size = version;
    next.snapshot =
        std::make_unique<Snapshot>(std::vector<const Entry*>{next.entry.get()}, version);
    for (Reader& reader : readers) {
        reader.view.offer(next.snapshot.get());
    }
    return next;
}

// Frees what nobody holds; returns how many snapshots are left.
std::size_t free_old(std::vector<Published>& published) {
    std::size_t snapshots = 0;
    std::erase_if(published, [&snapshots](Published& old) {
        if (old.snapshot != nullptr && old.snapshot->holders.load(std::memory_order_acquire) == 0) {
            old.snapshot.reset();
        }
        snapshots += old.snapshot != nullptr ? 1U : 0U;
        return old.snapshot == nullptr && old.entry->holders.load(std::memory_order_acquire) == 0;
    });
    return snapshots;
}

TEST(ContentView, ManyThreadsAndManyOffers) {
    constexpr std::uint64_t kVersions = 20'000;
    constexpr std::size_t kReaders = 2;
    std::vector<Published> published;  // outlives the views
    std::array<Reader, kReaders> readers;
    std::atomic<bool> done{false};
    std::vector<std::thread> threads;
    for (Reader& reader : readers) {
        threads.emplace_back([&] { reader.run(done); });
    }
    std::size_t most_entries = 0;
    std::size_t most_snapshots = 0;
    for (std::uint64_t version = 1; version <= kVersions; ++version) {
        published.push_back(publish(version, readers));
        const std::size_t snapshots = free_old(published);
        most_entries = std::max(most_entries, published.size());
        most_snapshots = std::max(most_snapshots, snapshots);
    }
    done = true;
    for (std::thread& thread : threads) {
        thread.join();
    }
    // Each reader holds at most one current, one being taken and one offered.
    EXPECT_LE(most_snapshots, 1 + kReaders * 3) << "an old snapshot was not let go";
    EXPECT_LE(most_entries, 1 + kReaders * (3 + Reader::kPins)) << "an old entry was not let go";
    for (const Reader& reader : readers) {
        EXPECT_GT(reader.taken, 0U);
        EXPECT_EQ(reader.view.current().version(), kVersions);
    }
}

}  // namespace
}  // namespace sluice::http
