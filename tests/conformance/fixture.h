// Conformance: the fixture of every conformance test. Makes a backend with its driver and rig, has
// short words for what every test does, and at the end closes everything and demands that nothing
// is left: no operation, no buffer, no descriptor.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/backend.h"
#include "tests/conformance/backends.h"
#include "tests/conformance/driver.h"
#include "tests/conformance/rig.h"

namespace sluice::conformance {

// Bytes that tell their place: no two stretches of one pattern are alike.
[[nodiscard]] std::string pattern(std::size_t size, std::uint64_t seed = 1);

[[nodiscard]] Endpoint loopback(Family family = Family::ipv4, std::uint16_t port = 0);
// A path in the folder for temporary files that no other process uses.
[[nodiscard]] std::string temporary_path(std::string_view name);

// A place in a file.
struct Extent {
    std::uint64_t offset;
    std::uint64_t length;
};
// What a file of 10,000 bytes does not have.
inline constexpr Extent kBeyondTenThousand[] = {
    {0, 10'001}, {9'999, 2}, {10'000, 1}, {20'000, 5}, {0, 1'000'000}};

// Those that differ from it in one of its facts each.
[[nodiscard]] std::vector<FileStamp> wrong_stamps(const FileStamp& good);

// An accepted connection and its other end.
struct Pair {
    Slot slot = kNoSlot;
    std::unique_ptr<Peer> peer;
};

// Bytes on their way into a peer that may not take them all at once.
class Feeder {
  public:
    Feeder(Peer& peer, std::string_view bytes) : peer_(&peer), rest_(bytes) {}
    // Moves on; true when everything was taken.
    bool step() {
        rest_.remove_prefix(peer_->write(rest_));
        return rest_.empty();
    }

  private:
    Peer* peer_;
    std::string_view rest_;
};

class Conformance : public testing::TestWithParam<Configuration> {
  protected:
    static constexpr Nanos kPatience = 5 * kSecond;
    // Long enough for anything that should happen to have happened.
    static constexpr Nanos kSettle = 20 * kMillisecond;

    void SetUp() override;
    void TearDown() override;

    // Starts over with a new backend.
    void restart(const BackendLimits& limits);
    // Closes all slots and listeners and waits until that is done.
    void close_everything();
    // Destroys the backend as it is.
    void destroy_backend();

    [[nodiscard]] Rig& rig() { return *rig_; }
    [[nodiscard]] Driver& driver() { return *driver_; }
    [[nodiscard]] Backend& backend() { return driver_->backend(); }
    [[nodiscard]] Connection& at(Slot slot) { return driver_->at(slot); }
    [[nodiscard]] bool real() const { return rig_->real(); }
    // Those that the backend has; Unix paths last.
    [[nodiscard]] std::vector<Family> families() const;

    // Polls until the condition holds; false when it did not within the time.
    [[nodiscard]] bool pump(const std::function<bool()>& condition, Nanos patience = kPatience);
    // Polls for that long.
    void pump_for(Nanos duration);

    [[nodiscard]] ListenerId listen(const Endpoint& endpoint, const ListenOptions& options = {});
    [[nodiscard]] Endpoint local(ListenerId listener);
    [[nodiscard]] std::unique_ptr<Peer> connect(const Endpoint& endpoint,
                                                const PeerOptions& options = {});
    // The next accepted socket of the listener, waited for.
    [[nodiscard]] Socket accepted(ListenerId listener);
    // A connection on the family's listener, made when first asked for.
    [[nodiscard]] Pair pair(Family family = Family::ipv4, const PeerOptions& options = {});
    [[nodiscard]] ListenerId listener_of(Family family);

    // Reads until that many bytes came or nothing more can come.
    [[nodiscard]] std::string read(Peer& peer, std::size_t bytes, Nanos patience = kPatience);
    // Writes all of it, or fails the test.
    void write(Peer& peer, std::string_view bytes);
    // Waits for the end of the send in flight, while the peer, if given, reads and forgets.
    [[nodiscard]] SendResult sent(Slot slot, Peer* reader = nullptr);
    // Waits for the close to complete.
    void close(Slot slot);

  private:
    std::unique_ptr<Rig> rig_;
    std::unique_ptr<Driver> driver_;
    std::vector<ListenerId> family_listeners_;
    std::size_t descriptors_before_ = 0;
};

[[nodiscard]] std::string configuration_name(const testing::TestParamInfo<Configuration>& info);

}  // namespace sluice::conformance

// A test suite run over every configuration.
#define CONFORMANCE_SUITE(suite)                                                         \
    class suite : public ::sluice::conformance::Conformance {};                          \
    INSTANTIATE_TEST_SUITE_P(Backend, suite,                                             \
                             testing::ValuesIn(::sluice::conformance::configurations()), \
                             ::sluice::conformance::configuration_name)
