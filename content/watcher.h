// Watcher: what wakes the loader. It joins the changes below the root that the system reports, and
// signals from other threads, in one handle to wait for. One implementation for each system.
//
// Loader's thread, except signal().
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string_view>

#include "content/files.h"
#include "core/result.h"

namespace sluice::http {

using WatchId = int;
inline constexpr WatchId kNoWatch = -1;

class Watcher {
  public:
    enum class What : std::uint8_t {
        attributes,  // `name` below the watched directory: metadata only
        content,     // `name` below the watched directory: anything else
        ended,       // the watch has ended: the directory is gone
        overflow,    // events were lost; no watch, no name
    };

    [[nodiscard]] static Result<std::unique_ptr<Watcher>> create();
    virtual ~Watcher() = default;

    // Becomes readable on a change or a signal.
    [[nodiscard]] virtual std::intptr_t wait_handle() const noexcept = 0;
    // Any thread.
    virtual void signal() noexcept = 0;

    // Whether every change below the watched directories is reported. If not, the tree has to be
    // polled as well.
    [[nodiscard]] virtual bool reports_all() const noexcept = 0;
    // Why add() failed, for the user.
    [[nodiscard]] virtual std::string_view why_no_more() const noexcept = 0;

    // The same directory always has the same id. no_memory: a limit of the system, of watches or of
    // watchers.
    [[nodiscard]] virtual std::expected<WatchId, Status> add(const fs::File& directory) = 0;
    virtual void remove(WatchId watch) noexcept = 0;
    // Ends all watches for good; signals still work.
    virtual void stop_watching() noexcept = 0;

    // Reports what happened; never blocks. True when there was a signal.
    virtual bool drain(
        const std::function<void(WatchId, What, std::string_view name)>& on_change) = 0;
};

}  // namespace sluice::http
