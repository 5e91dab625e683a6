// The simulator itself: equal seeds give equal runs, faults come when asked for, callers that break
// their obligations are caught. An echo server under hundreds of scripted clients is the load.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "backends/sim/backend.h"
#include "backends/sim/network.h"
#include "backends/sim/peer.h"
#include "tests/sim/seeds.h"
#include "tests/support/host.h"

namespace sluice {

namespace {

Endpoint localhost() {
    Endpoint endpoint;
    endpoint.family = Family::ipv4;
    endpoint.address = {127, 0, 0, 1};
    return endpoint;
}

// Sends back what it gets, one chunk at a time, and closes when the client has finished.
class EchoServer {
  public:
    EchoServer(SimNetwork& network, const BackendLimits& limits)
        : backend_(network, limits), connections_(limits.slots) {
        const auto listener = backend_.listen(localhost(), {});
        CHECK(listener.has_value());
        listener_ = *listener;
        start_accepting();
    }

    [[nodiscard]] SimBackend& backend() { return backend_; }
    [[nodiscard]] Endpoint endpoint() { return *backend_.local(listener_); }

    void turn(Nanos deadline) {
        for (const Completion& completion : backend_.poll(deadline)) {
            on(completion);
        }
        if (!accepting_ && !stopping_) {
            start_accepting();
        }
    }
    void stop() {
        stopping_ = true;
        if (accepting_) {
            backend_.accept_stop(listener_);
        }
        for (Slot slot = 0; slot < connections_.size(); ++slot) {
            close(slot);
        }
    }
    [[nodiscard]] bool stopped() const { return stopping_ && !accepting_ && open_ == 0; }

  private:
    struct Connection {
        Generation generation = 0;
        bool open = false;
        bool closing = false;
        bool sending = false;
        bool finished = false;
        std::string pending;
        std::string out;
    };

    void start_accepting() {
        accepting_ = true;
        backend_.accept_start(listener_, Token{listener_, 1, OpKind::accept});
    }
    void on_accept(const Completion& completion) {
        if (!completion.more) {
            accepting_ = false;
            return;
        }
        for (Slot slot = 0; slot < connections_.size(); ++slot) {
            Connection& connection = connections_[slot];
            if (!connection.open) {
                const Generation generation = connection.generation + 1;
                connection = Connection{};
                connection.generation = generation;
                connection.open = true;
                ++open_;
                backend_.adopt(slot, generation, completion.socket);
                backend_.recv_start(Token{slot, generation, OpKind::recv});
                return;
            }
        }
        backend_.discard(completion.socket);
    }
    void on(const Completion& completion) {
        if (completion.token.kind() == OpKind::accept) {
            on_accept(completion);
            return;
        }
        const Slot slot = completion.token.slot();
        Connection& connection = connections_[slot];
        if (completion.token.kind() == OpKind::close) {
            connection.open = false;
            --open_;
        } else if (completion.token.kind() == OpKind::send) {
            connection.sending = false;
            completion.status == Status::ok ? send(slot) : close(slot);
        } else if (completion.buffer != kNoBuffer) {
            connection.pending.append(completion.data, completion.size);
            backend_.release(completion.buffer);
            send(slot);
        } else if (completion.status == Status::eof) {
            connection.finished = true;
            send(slot);
        } else {
            close(slot);
        }
    }
    void send(Slot slot) {
        Connection& connection = connections_[slot];
        if (connection.sending || connection.closing) {
            return;
        }
        if (connection.pending.empty()) {
            if (connection.finished) {
                close(slot);
            }
            return;
        }
        connection.sending = true;
        connection.out = std::exchange(connection.pending, {});
        const Slice slice{connection.out.data(), connection.out.size()};
        backend_.send(Token{slot, connection.generation, OpKind::send}, {&slice, 1},
                      SendUrgency::eager);
    }
    void close(Slot slot) {
        Connection& connection = connections_[slot];
        if (connection.open && !connection.closing) {
            connection.closing = true;
            backend_.close(Token{slot, connection.generation, OpKind::close});
        }
    }

    SimBackend backend_;
    std::vector<Connection> connections_;
    ListenerId listener_ = 0;
    std::size_t open_ = 0;
    bool accepting_ = false;
    bool stopping_ = false;
};

struct ClientResult {
    std::string sent;
    std::string got;
    bool ended = false;
    Status status = Status::ok;
};

// Comes at some time, says something in pieces, reads slowly, finishes.
class Client {
  public:
    Client(SimNetwork& network, const Endpoint& server, ClientResult& result)
        : network_(network), server_(server), result_(result) {
        network_.after(network_.random().between<Nanos>(0, kSecond), [this] { arrive(); });
    }

  private:
    void arrive() {
        peer_ = std::make_unique<SimPeer>(network_, server_);
        peer_->on_change([this](SimPeer& peer) {
            if (peer.status() != Status::ok) {
                result_.status = peer.status();
                result_.ended = true;
            }
        });
        pieces_ = network_.random().between(1, 5);
        speak();
        listen();
    }
    void speak() {
        if (result_.ended) {
            return;
        }
        if (pieces_-- == 0) {
            peer_->shutdown_write();
            return;
        }
        const std::string piece(network_.random().between<std::size_t>(1, 20'000),
                                static_cast<char>('a' + pieces_));
        result_.sent += piece;
        peer_->write(piece);
        pause([this] { speak(); });
    }
    void listen() {
        result_.got += peer_->read(network_.random().between<std::size_t>(1, 10'000));
        if (peer_->eof()) {
            result_.ended = true;
        }
        if (!result_.ended) {
            pause([this] { listen(); });
        }
    }
    void pause(std::function<void()> then) {
        network_.after(network_.random().between<Nanos>(0, 10 * kMillisecond), std::move(then));
    }

    SimNetwork& network_;
    Endpoint server_;
    ClientResult& result_;
    std::unique_ptr<SimPeer> peer_;
    int pieces_ = 0;
};

struct EchoRun {
    std::vector<ClientResult> clients;
    std::uint64_t digest = 0;
    Nanos took = 0;
};

EchoRun run_echo(const SimOptions& options, std::size_t clients) {
    SimNetwork network(options);
    BackendLimits limits;
    limits.slots = 128;  // fewer than clients: some are turned away
    limits.recv_buffers = 64;
    EchoServer server(network, limits);
    EchoRun run;
    run.clients.resize(clients);
    {
        std::vector<std::unique_ptr<Client>> scripts;
        for (ClientResult& result : run.clients) {
            scripts.push_back(std::make_unique<Client>(network, server.endpoint(), result));
        }
        const auto all_ended = [&run] {
            return std::ranges::all_of(run.clients, &ClientResult::ended);
        };
        while (!all_ended() && network.now() < 60 * kSecond) {
            server.turn(network.now() + 10 * kMillisecond);
        }
        // Scripts may have a last step pending.
        const Nanos rest = network.now() + kSecond;
        while (network.now() < rest) {
            server.turn(rest);
        }
    }
    server.stop();
    while (!server.stopped()) {
        server.turn(network.now() + kMillisecond);
    }
    EXPECT_EQ(server.backend().usage(), SimUsage{});
    run.digest = network.digest();
    run.took = network.now();
    return run;
}

}  // namespace

TEST(SimNetwork, EqualSeedsGiveEqualRuns) {
    SimOptions options;
    options.faults.reset = 0.01;
    options.faults.short_recv = 0.2;
    options.faults.accept_no_fds = 0.05;
    std::set<std::uint64_t> digests;
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        options.seed = seed;
        const EchoRun first = run_echo(options, 100);
        const EchoRun second = run_echo(options, 100);
        EXPECT_EQ(first.digest, second.digest);
        EXPECT_EQ(first.took, second.took);
        for (std::size_t i = 0; i < first.clients.size(); ++i) {
            EXPECT_EQ(first.clients[i].status, second.clients[i].status);
            EXPECT_TRUE(first.clients[i].got == second.clients[i].got);
        }
        digests.insert(first.digest);
    }
    EXPECT_EQ(digests.size(), 4U) << "different seeds gave the same run";
}

TEST(SimNetwork, HundredsOfClientsGetTheirEcho) {
    for (const std::uint64_t seed : sim_seeds(5)) {
        SCOPED_TRACE(sim_again(seed, "SimNetwork.HundredsOfClientsGetTheirEcho"));
        SimOptions options;
        options.seed = seed;
        options.window_bytes_min = 500;
        options.window_bytes_max = 30'000;
        options.faults.short_recv = 0.2;
        options.faults.pause_recv = 0.05;
        options.faults.accept_no_fds = 0.02;
        options.faults.spurious_return = 0.05;
        std::size_t whole = 0;
        for (const ClientResult& client : run_echo(options, 400).clients) {
            ASSERT_TRUE(client.ended);
            ASSERT_TRUE(client.sent.starts_with(client.got));
            // Those who found no slot were reset or saw the end at once.
            whole += client.got == client.sent ? 1U : 0U;
        }
        EXPECT_GT(whole, 300U);
    }
}

TEST(SimNetwork, NoFaultLeavesAnythingBehind) {
    for (const std::uint64_t seed : sim_seeds(10)) {
        SCOPED_TRACE(sim_again(seed, "SimNetwork.NoFaultLeavesAnythingBehind"));
        SimOptions options;
        options.seed = seed;
        options.faults.reset = 0.02;
        options.faults.time_out = 0.01;
        options.faults.connect_refused = 0.05;
        options.faults.accept_no_fds = 0.1;
        options.faults.short_recv = 0.5;
        options.faults.pause_recv = 0.2;
        std::map<Status, int> statuses;
        for (const ClientResult& client : run_echo(options, 200).clients) {
            EXPECT_TRUE(client.ended);
            EXPECT_TRUE(client.sent.starts_with(client.got));
            ++statuses[client.status];
        }
        EXPECT_GT(statuses[Status::ok], 0);
        EXPECT_GT(statuses[Status::reset], 0);
        EXPECT_GT(statuses[Status::refused], 0);
    }
}

TEST(SimNetwork, TimeIsVirtual) {
    SimNetwork network(SimOptions{});
    SimBackend backend(network, BackendLimits{});
    const std::int64_t wall = backend.wall_seconds();
    const Nanos day = 24 * 3600 * kSecond;
    EXPECT_TRUE(backend.poll(day).empty());
    EXPECT_EQ(backend.now(), day);
    EXPECT_EQ(backend.wall_seconds(), wall + 24 * 3600);
    int rang = 0;
    network.after(kSecond, [&] { ++rang; });
    EXPECT_TRUE(backend.poll(day + kSecond / 2).empty());
    EXPECT_EQ(rang, 0);
    EXPECT_TRUE(backend.poll(day + 2 * kSecond).empty());
    EXPECT_EQ(rang, 1);
}

// --- Faults and obligations, one connection at a time ------------------------------------------

class SimFaultsTest : public testing::Test {
  protected:
    SimFaultsTest() {
        listener_ = *backend_.listen(localhost(), {});
        backend_.accept_start(listener_, Token{listener_, 1, OpKind::accept});
        peer_ = std::make_unique<SimPeer>(network_, *backend_.local(listener_));
        backend_.adopt(0, 1, next().socket);
    }
    // The next completion.
    Completion next() {
        for (int polls = 0; polls < 1000; ++polls) {
            const auto batch = backend_.poll(backend_.now() + kMillisecond);
            if (!batch.empty()) {
                return batch[0];
            }
        }
        ADD_FAILURE() << "no completion";
        return {};
    }
    static Token token(OpKind kind) { return Token{0, 1, kind}; }
    void send(const std::string& bytes) {
        const Slice slice{bytes.data(), bytes.size()};
        backend_.send(token(OpKind::send), {&slice, 1}, SendUrgency::eager);
    }

    SimNetwork network_{SimOptions{}};
    SimBackend backend_{network_, BackendLimits{.slots = 8, .recv_buffers = 4}};
    ListenerId listener_ = 0;
    std::unique_ptr<SimPeer> peer_;
};

TEST_F(SimFaultsTest, AConnectionTimesOut) {
    network_.faults().time_out = 1;
    backend_.recv_start(token(OpKind::recv));
    peer_->write("x");
    EXPECT_EQ(next().status, Status::timed_out);
    EXPECT_EQ(peer_->status(), Status::timed_out);
}

TEST_F(SimFaultsTest, AcceptRunsOutOfDescriptors) {
    network_.faults().accept_no_fds = 1;
    const SimPeer other(network_, *backend_.local(listener_));
    const Completion completion = next();
    EXPECT_EQ(completion.status, Status::no_fds);
    EXPECT_FALSE(completion.more);
    network_.faults().accept_no_fds = 0;
    backend_.accept_start(listener_, Token{listener_, 2, OpKind::accept});
    backend_.discard(next().socket);
}

TEST_F(SimFaultsTest, FilesChange) {
    const test::TempFile file(std::string(1000, 'f'));
    const FileStamp stamp = file.stamp();
    network_.faults().file_changed = 1;
    FileRange range = file.range(0, 1000);
    backend_.send_file(token(OpKind::send), {}, range, SendUrgency::eager);
    EXPECT_EQ(next().status, Status::ok) << "a private file has no stamp that could move";
    range.stamp = &stamp;
    backend_.send_file(token(OpKind::send), {}, range, SendUrgency::eager);
    EXPECT_EQ(next().status, Status::changed);
}

TEST_F(SimFaultsTest, ReleasedBuffersAreOverwritten) {
    backend_.recv_start(token(OpKind::recv));
    peer_->write("secret");
    const Completion completion = next();
    const std::string_view bytes(completion.data, completion.size);
    EXPECT_EQ(bytes, "secret");
    backend_.release(completion.buffer);
    EXPECT_NE(bytes, "secret");
    EXPECT_DEATH(backend_.release(completion.buffer), "CHECK failed");
}

TEST_F(SimFaultsTest, SendMemoryThatChangesIsNoticed) {
    std::string bytes = "promised";
    send(bytes);
    bytes[3] = 'X';
    EXPECT_DEATH((void)next(), "CHECK failed");
    bytes[3] = 'm';
    EXPECT_EQ(next().status, Status::ok);
}

TEST_F(SimFaultsTest, UsageTellsWhatIsLeft) {
    EXPECT_EQ(backend_.usage().slots, 1U);
    backend_.recv_start(token(OpKind::recv));
    EXPECT_EQ(backend_.usage().operations, 1U);
    peer_->write("x");
    const Completion completion = next();
    EXPECT_EQ(backend_.usage().buffers_lent, 1U);
    backend_.release(completion.buffer);
    const SimPeer other(network_, *backend_.local(listener_));
    const Socket socket = next().socket;
    EXPECT_EQ(backend_.usage().sockets_homeless, 1U);
    backend_.discard(socket);
    backend_.close(token(OpKind::close));
    EXPECT_EQ(next().status, Status::cancelled);
    while (backend_.usage() != SimUsage{}) {
        (void)backend_.poll(backend_.now() + kMillisecond);
    }
}

TEST_F(SimFaultsTest, AResetMayDestroyWhatWasUnread) {
    int destroyed = 0;
    int kept = 0;
    for (Generation generation = 2; generation < 40; ++generation) {
        SimPeer peer(network_, *backend_.local(listener_));
        const Token mine{1, generation, OpKind::send};
        backend_.adopt(1, generation, next().socket);
        const Slice slice{"response", 8};
        backend_.send(mine, {&slice, 1}, SendUrgency::eager);
        EXPECT_EQ(next().status, Status::ok);
        peer.write("unread");
        network_.run_until(network_.now() + kMillisecond);
        backend_.close(mine.with(OpKind::close));  // with unread input
        EXPECT_EQ(next().token.kind(), OpKind::close);
        network_.run_until(network_.now() + kMillisecond);
        EXPECT_EQ(peer.status(), Status::reset);
        peer.read() == "response" ? ++kept : ++destroyed;
    }
    EXPECT_GT(destroyed, 0);
    EXPECT_GT(kept, 0);
}

}  // namespace sluice
