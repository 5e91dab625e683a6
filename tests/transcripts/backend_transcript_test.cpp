// Every transcript through the whole server (reactor, sessions, content) on every backend, the
// simulator included: at once and cut in two at every position, plainly and through the test
// transport. The bytes must be those that the session alone gives.
//
// Hundreds of connections are open at once, one for each cut. The second part of a request leaves
// when the server has taken the whole of the first; a Witness between reactor and backend tells.
// Nothing sleeps, and the clients run on the server's thread.
//
// A slow build takes every seventh position, beginning elsewhere in each transcript.
//
// No transcript needs time to pass, so none is left out; tests/sim tests the deadlines. Cuts at
// every position at once (byte by byte) are tested with the session alone.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/reactor.h"
#include "http1/session.h"
#include "site.h"
#include "tests/conformance/backends.h"
#include "tests/conformance/sealed_peer.h"
#include "tests/slow.h"
#include "transcript.h"
#include "witness.h"

namespace sluice::transcripts {
namespace {

using conformance::SealedPeer;

constexpr std::size_t kClients = 250;  // with the server's ends, well below 1,024 descriptors
constexpr std::chrono::seconds kPatience{10};
constexpr std::size_t kReadMax = 4096;
constexpr std::size_t kStride = kSlowest ? 37 : kSlow ? 7 : 1;
constexpr std::size_t kSealedStride = 7 * kStride;

class Client {
  public:
    Client(const Transcript& transcript, std::size_t cut, std::unique_ptr<conformance::Peer> peer,
           bool sealed)
        : transcript_(transcript), cut_(cut), peer_(std::move(peer)) {
        if (sealed) {
            auto through = std::make_unique<SealedPeer>(std::move(peer_), cut);
            sealed_ = through.get();
            peer_ = std::move(through);
        }
    }

    // The server has taken everything up to the cut; or it has closed, and we know it.
    [[nodiscard]] bool first_part_taken(const Witness& witness) {
        if (port_ == 0) {
            if (!peer_->connected()) {
                return false;
            }
            port_ = peer_->local().port;
        }
        exchange(cut_);
        const Witness::Seen* seen = witness.seen(port_);
        server_left_ = seen != nullptr && seen->closed;
        return taken(witness, cut_);
    }
    [[nodiscard]] bool finished(const Witness& witness) {
        const std::size_t size = transcript_.request.size();
        exchange(size);
        if (transcript_.eof && written_ == size && !std::exchange(half_closed_, true)) {
            peer_->shutdown_write();
        }
        return ended_ ||
               (!over() && taken(witness, size) && answer_.size() >= transcript_.response.size());
    }
    // Reads what should not come any more.
    void look_again() { exchange(written_); }

    void check() {
        const std::string wanted = escape(transcript_.response) + (over() ? "= over" : "= open");
        const std::string got = escape(mask_dates(answer_)) + (ended_ ? "= over" : "= open");
        EXPECT_EQ(got, wanted) << transcript_.file << ": " << transcript_.title << "\ncut at "
                               << cut_ << " of " << transcript_.request.size();
        EXPECT_FALSE(peer_->broken()) << "reset: " << transcript_.title << ", cut at " << cut_;
    }
    // Ends by a reset, which leaves no port behind in TIME_WAIT.
    void leave() { peer_->reset(); }

  private:
    [[nodiscard]] bool over() const {
        return transcript_.end == "close" || transcript_.end == "linger";
    }
    [[nodiscard]] bool taken(const Witness& witness, std::size_t bytes) const {
        const Witness::Seen* seen = witness.seen(port_);
        const bool received = sealed_ == nullptr ? seen != nullptr && seen->received >= bytes
                                                 : seen != nullptr && sealed_->all_written() &&
                                                       written_ >= bytes &&
                                                       seen->received >= sealed_->wire_written();
        return seen != nullptr && (seen->closed ? ended_ : received);
    }
    // Reads what there is, and writes the request up to `limit`.
    void exchange(std::size_t limit) {
        while (!ended_) {
            const std::string bytes = peer_->read(kReadMax);
            if (bytes.empty()) {
                ended_ = peer_->eof() || peer_->broken();
                break;
            }
            answer_ += bytes;
        }
        // A server that lingers gets the rest, too: it reads on. One that has closed after the
        // first part, with nothing unread, would answer the rest with a reset.
        if (written_ < limit && !server_left_) {
            written_ += peer_->write(
                std::string_view(transcript_.request).substr(written_, limit - written_));
        }
    }

    const Transcript& transcript_;
    std::size_t cut_;
    std::unique_ptr<conformance::Peer> peer_;
    SealedPeer* sealed_ = nullptr;  // the same, if it is one
    std::uint16_t port_ = 0;
    std::size_t written_ = 0;
    std::string answer_;
    bool server_left_ = false;
    bool half_closed_ = false;
    bool ended_ = false;
};

class BackendTranscript : public ::testing::TestWithParam<conformance::Configuration> {
  protected:
    static void SetUpTestSuite() { site_ = std::make_unique<Site>(); }
    static void TearDownTestSuite() { site_.reset(); }

    void SetUp() override {
        limits_.connections_per_worker = kClients;
        BackendLimits limits;
        limits.slots = Reactor::slots(limits_);
        limits.listeners = 2;
        rig_ = GetParam().make_rig();
        backend_ = rig_->make_backend(limits);
        ASSERT_NE(backend_, nullptr);
        witness_ = std::make_unique<Witness>(*backend_, limits.slots);
        site_->store().attach(view_, [] {});
        sessions_ = std::make_unique<http::Http1Factory>(limits_, view_, nullptr, 0);
        reactor_ = std::make_unique<Reactor>(*witness_, *sessions_, limits_);
        const auto bound = reactor_->listen(*Endpoint::parse("127.0.0.1:0"), ListenOptions{});
        ASSERT_TRUE(bound.has_value());
        endpoint_ = bound->local;
        const auto sealed =
            reactor_->listen(*Endpoint::parse("127.0.0.1:0"), ListenOptions{}, &transports_);
        ASSERT_TRUE(sealed.has_value());
        sealed_endpoint_ = sealed->local;
    }
    void TearDown() override {
        site_->store().detach(view_);
        if (reactor_ != nullptr) {
            reactor_->stop();
            EXPECT_TRUE(until([this] { return reactor_->finished(); }));
        }
    }

    // Lets the server do what it can do now.
    void settle() {
        do {
            reactor_->turn(witness_->now() + kMillisecond);
        } while (witness_->last_batch() != 0);
    }
    template <typename Condition>
    bool until(Condition&& condition) {
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) {
                return false;
            }
            settle();
        }
        return true;
    }
    // Asks each client until the condition holds for it.
    template <typename Condition>
    bool until_all(const Condition& condition) {
        std::vector<Client*> left;
        for (Client& client : clients_) {
            left.push_back(&client);
        }
        return until([&] {
            std::erase_if(left, [&condition](Client* client) { return condition(*client); });
            return left.empty();
        });
    }

    void add(const Transcript& transcript, std::size_t cut, bool sealed) {
        clients_.emplace_back(transcript, cut,
                              rig_->connect(sealed ? sealed_endpoint_ : endpoint_, {}), sealed);
        if (clients_.size() == kClients) {
            run();
        }
    }
    void run_all(std::size_t stride, bool sealed) {
        const std::vector<Transcript> all = load_all(SLUICE_TRANSCRIPTS);
        std::size_t first = 0;
        for (const Transcript& transcript : all) {
            first = first % stride + 1;
            for (std::size_t cut = first; cut <= transcript.request.size(); cut += stride) {
                add(transcript, cut, sealed);  // at the whole size nothing is cut
                if (HasFailure()) {
                    return;
                }
            }
        }
        run();
    }
    void run() {
        const auto first_part_taken = [this](Client& client) {
            return client.first_part_taken(*witness_);
        };
        EXPECT_TRUE(until_all(first_part_taken));
        settle();  // some are closed now, and their clients have to see it
        EXPECT_TRUE(until_all(first_part_taken));
        (void)until_all([this](Client& client) { return client.finished(*witness_); });
        settle();
        for (Client& client : clients_) {
            client.look_again();
            client.check();
        }
        for (Client& client : clients_) {
            client.leave();
        }
        EXPECT_TRUE(until([this] { return reactor_->connections() == 0; })) << "not closed";
        EXPECT_EQ(reactor_->requests_in_use(), 0U);
        clients_.clear();
        witness_->forget();
    }

    static std::unique_ptr<Site> site_;
    Limits limits_ = limits();
    std::unique_ptr<conformance::Rig> rig_;
    std::unique_ptr<Backend> backend_;
    std::unique_ptr<Witness> witness_;
    http::ContentView view_;
    std::unique_ptr<http::Http1Factory> sessions_;
    std::unique_ptr<Reactor> reactor_;
    test::XorTransports transports_{1};
    Endpoint endpoint_;
    Endpoint sealed_endpoint_;
    std::vector<Client> clients_;
};

std::unique_ptr<Site> BackendTranscript::site_;

TEST_P(BackendTranscript, SameForEveryCut) {
    run_all(kStride, false);
}

TEST_P(BackendTranscript, SameThroughATransport) {
    run_all(kSealedStride, true);
}

// Leaves the masks between all capabilities and none to the conformance suite.
std::vector<conformance::Configuration> chosen() {
    std::vector<conformance::Configuration> some = conformance::configurations();
    std::erase_if(some, [](const conformance::Configuration& one) {
        return one.name.starts_with("io_uring_no_");
    });
    return some;
}

INSTANTIATE_TEST_SUITE_P(All, BackendTranscript, ::testing::ValuesIn(chosen()),
                         [](const auto& of) { return of.param.name; });

}  // namespace
}  // namespace sluice::transcripts
