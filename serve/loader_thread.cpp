#include "serve/loader_thread.h"

#include <array>
#include <utility>

#include "system/cpu.h"

namespace sluice {

LoaderThread::LoaderThread(http::ContentOptions options, unsigned views, Calls calls,
                           std::unique_ptr<Events> events)
    : options_(std::move(options)), calls_(std::move(calls)), events_(std::move(events)) {
    for (unsigned i = 0; i < views; ++i) {
        views_.push_back(std::make_unique<http::ContentView>());
    }
}

Result<std::unique_ptr<LoaderThread>> LoaderThread::start(http::ContentOptions options,
                                                          unsigned views, Calls calls) {
    auto events = Events::create();
    if (!events) {
        return std::unexpected(std::move(events.error()));
    }
    std::unique_ptr<LoaderThread> loader(
        new LoaderThread(std::move(options), views, std::move(calls), std::move(*events)));
    loader->thread_ =
        std::jthread([&self = *loader](const std::stop_token& stop) { self.run(stop); });
    return loader;
}

LoaderThread::~LoaderThread() {
    stop();
}

const Result<void>* LoaderThread::opened() const noexcept {
    return opened_set_.load(std::memory_order_acquire) ? &opened_ : nullptr;
}

void LoaderThread::look_again() noexcept {
    look_again_.store(true, std::memory_order_relaxed);
    events_->wake();
}

void LoaderThread::stop() noexcept {
    thread_.request_stop();
    events_->wake();
}

bool LoaderThread::ended() const noexcept {
    return ended_.load(std::memory_order_acquire);
}

// ---- the thread --------------------------------------------------------------------------------

Result<void> LoaderThread::open(const std::stop_token& stop) {
    options_.stop = stop;
    auto store = http::ContentStore::open(std::move(options_));
    if (!store) {
        return std::unexpected(std::move(store.error()));
    }
    store_ = std::move(*store);
    for (const auto& view : views_) {
        store_->attach(*view, calls_.published);
    }
    return {};
}

void LoaderThread::run(const std::stop_token& stop) {
    name_this_thread("loader");
    opened_ = open(stop);
    opened_set_.store(true, std::memory_order_release);
    calls_.state_changed();
    while (store_ != nullptr && !stop.stop_requested()) {
        events_->wait(std::array{store_->wait_handle()}, store_->next_deadline());
        if (look_again_.exchange(false, std::memory_order_relaxed)) {
            store_->look_at_everything();
        }
        store_->step(events_->clock());
    }
    views_.clear();
    store_.reset();
    ended_.store(true, std::memory_order_release);
    calls_.state_changed();
}

}  // namespace sluice
