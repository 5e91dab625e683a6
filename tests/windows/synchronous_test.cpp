// System calls that complete when the test wants it. On Windows any call may be complete when it
// returns. Under Wine AcceptEx and TransmitFile never are, and reads of files always are. So here a
// fake System replaces these calls.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "backends/iocp/iocp_backend.h"
#include "tests/support/host.h"

namespace sluice {

namespace {

constexpr Generation kGeneration = 1;

Endpoint loopback() {
    Endpoint endpoint;
    endpoint.family = Family::ipv4;
    endpoint.address = {127, 0, 0, 1};
    return endpoint;
}

std::string pattern(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<char>(i * 2'654'435'761U >> 13);
    }
    return bytes;
}

// A blocking client.
class Client {
  public:
    explicit Client(const Endpoint& server)
        : socket_(::WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, nullptr, 0, 0)) {
        const iocp::SocketAddress address = iocp::to_socket_address(server);
        EXPECT_EQ(::connect(socket_, address.get(), address.size), 0);
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client() { ::closesocket(socket_); }

    [[nodiscard]] std::string read(std::size_t bytes) const {
        std::string all;
        std::vector<char> piece(64 * 1024);
        while (all.size() < bytes) {
            const int got = ::recv(socket_, piece.data(), static_cast<int>(piece.size()), 0);
            if (got <= 0) {
                break;
            }
            all.append(piece.data(), static_cast<std::size_t>(got));
        }
        return all;
    }

  private:
    SOCKET socket_;
};

// TransmitFile has sent everything when it returns, and no completion packet follows.
class SynchronousTransmit final : public iocp::System {
  public:
    [[nodiscard]] iocp::Begun transmit(SOCKET socket, HANDLE file, DWORD bytes,
                                       TRANSMIT_FILE_BUFFERS* head,
                                       OVERLAPPED* operation) const noexcept override {
        ++calls;
        std::string all;
        if (head != nullptr) {
            all.assign(static_cast<const char*>(head->Head), head->HeadLength);
        }
        const std::uint64_t offset = std::uint64_t{operation->OffsetHigh} << 32 | operation->Offset;
        all += test::read_at(reinterpret_cast<std::intptr_t>(file), offset, bytes);
        for (std::size_t sent = 0; sent < all.size();) {
            const int n = ::send(socket, all.data() + sent, static_cast<int>(all.size() - sent), 0);
            if (n > 0) {
                sent += static_cast<std::size_t>(n);
            } else {
                ::Sleep(1);
            }
        }
        operation->Internal = 0;
        operation->InternalHigh = all.size();
        return {0, static_cast<DWORD>(all.size())};
    }
    mutable std::atomic<int> calls{0};
};

// AcceptEx is complete when it returns. Its packet still comes: the listener is not in
// skip-on-success mode.
class SynchronousAccept final : public iocp::System {
  public:
    [[nodiscard]] iocp::Begun accept(SOCKET listener, SOCKET socket, char* addresses,
                                     OVERLAPPED* operation) const noexcept override {
        const iocp::Begun begun = System::accept(listener, socket, addresses, operation);
        return begun.pending() ? iocp::Begun{} : begun;
    }
};

class FailingAccept final : public iocp::System {
  public:
    [[nodiscard]] iocp::Begun accept(SOCKET listener, SOCKET socket, char* addresses,
                                     OVERLAPPED* operation) const noexcept override {
        return fails ? iocp::Begun{WSAENOBUFS, 0}
                     : System::accept(listener, socket, addresses, operation);
    }
    mutable bool fails = true;
};

// Reads of files that complete when the test says so.
class SlowRead final : public iocp::System {
  public:
    [[nodiscard]] iocp::Begun read(
        HANDLE file, char* out, DWORD bytes, OVERLAPPED* operation,
        LPOVERLAPPED_COMPLETION_ROUTINE routine) const noexcept override {
        const std::uint64_t offset = std::uint64_t{operation->OffsetHigh} << 32 | operation->Offset;
        const std::string got = test::read_at(reinterpret_cast<std::intptr_t>(file), offset, bytes);
        std::ranges::copy(got, out);
        pending.push_back({operation, routine, static_cast<DWORD>(got.size())});
        return {WSA_IO_PENDING, 0};
    }
    // Like the system, in the next alertable wait of this thread.
    void finish_one(DWORD error) const {
        auto* read = new Read(pending.front());
        pending.erase(pending.begin());
        read->error = error;
        ASSERT_NE(::QueueUserAPC(tell, ::GetCurrentThread(), reinterpret_cast<ULONG_PTR>(read)),
                  0U);
    }

  private:
    struct Read {
        OVERLAPPED* operation;
        LPOVERLAPPED_COMPLETION_ROUTINE routine;
        DWORD bytes;
        DWORD error = 0;
    };
    static void WINAPI tell(ULONG_PTR what) noexcept {
        const std::unique_ptr<Read> read(reinterpret_cast<Read*>(what));
        read->routine(read->error, read->error == 0 ? read->bytes : 0, read->operation);
    }

  public:
    mutable std::vector<Read> pending;
};

class Synchronous : public testing::Test {
  protected:
    void make(const iocp::System& system) {
        auto made = IocpBackend::create({.slots = 64}, {}, system);
        ASSERT_TRUE(made.has_value());
        backend_ = std::move(*made);
        const auto id = backend_->listen(loopback(), {});
        ASSERT_TRUE(id.has_value());
        listener_ = *id;
        address_ = *backend_->local(listener_);
        backend_->accept_start(listener_, Token{listener_, 1, OpKind::accept});
    }
    // Polls once and keeps the completions.
    void poll() {
        ++polls_;
        for (const Completion& completion : backend_->poll(backend_->now() + 5 * kMillisecond)) {
            if (completion.token.kind() == OpKind::accept && completion.more) {
                accepted_.push_back(completion.socket);
            } else {
                ended_.push_back(completion);
            }
        }
    }
    void poll_until(const std::function<bool()>& condition) {
        for (int i = 0; i < 2000 && !condition(); ++i) {
            poll();
        }
        EXPECT_TRUE(condition());
    }

    std::unique_ptr<Backend> backend_;
    ListenerId listener_ = 0;
    Endpoint address_;
    std::vector<Socket> accepted_;
    std::vector<Completion> ended_;
    int polls_ = 0;
};

}  // namespace

TEST_F(Synchronous, TransmitFileInManySteps) {
    const SynchronousTransmit system;
    make(system);
    const std::string bytes = pattern(5'000'000);  // twenty steps
    const test::TempFile file(bytes);
    const Client client(address_);
    poll_until([&] { return accepted_.size() == 1; });
    backend_->adopt(0, kGeneration, accepted_.front());
    std::string got;
    std::thread reader([&] { got = client.read(bytes.size() + 4); });
    const std::string head = "head";
    const std::vector<Slice> slices = {{head.data(), head.size()}};
    const FileRange range = file.range(0, bytes.size());
    backend_->send_file(Token{0, kGeneration, OpKind::send}, slices, range, SendUrgency::eager);
    const int before = polls_;
    poll_until([&] { return !ended_.empty(); });
    reader.join();
    ASSERT_EQ(ended_.size(), 1U);
    EXPECT_EQ(ended_.front().token.kind(), OpKind::send);
    EXPECT_EQ(ended_.front().status, Status::ok);
    EXPECT_EQ(ended_.front().bytes, bytes.size() + 4);
    EXPECT_TRUE(got == head + bytes);
    EXPECT_EQ(system.calls, 20);
    // Not in a single turn: other connections had theirs in between.
    EXPECT_GE(polls_ - before, 2);
    poll();
    EXPECT_EQ(ended_.size(), 1U) << "told twice";
}

TEST_F(Synchronous, AReadThatTakesItsTimeHoldsNobodyElse) {
    const SlowRead system;
    make(system);
    const std::string bytes = pattern(50'000);
    const test::TempFile file(bytes);
    const FileRange range = file.range(0, bytes.size());
    const Client slow(address_);
    const Client other(address_);
    poll_until([&] { return accepted_.size() == 2; });
    backend_->adopt(0, kGeneration, accepted_[0]);
    backend_->adopt(1, kGeneration, accepted_[1]);
    backend_->send_file(Token{0, kGeneration, OpKind::send}, {}, range, SendUrgency::eager);
    const std::vector<Slice> word = {{"word", 4}};
    backend_->send(Token{1, kGeneration, OpKind::send}, word, SendUrgency::eager);
    poll_until([&] { return ended_.size() == 1; });
    EXPECT_EQ(ended_[0].token.slot(), 1U);
    EXPECT_EQ(other.read(4), "word");
    ASSERT_EQ(system.pending.size(), 1U);
    system.finish_one(0);
    poll_until([&] { return ended_.size() == 2; });
    EXPECT_EQ(ended_[1].status, Status::ok);
    EXPECT_EQ(ended_[1].bytes, bytes.size());
    EXPECT_TRUE(slow.read(bytes.size()) == bytes);
}

TEST_F(Synchronous, AReadUnderWayOutlivesTheConnectionAndNothingIsFreedBefore) {
    const SlowRead system;
    make(system);
    const test::TempFile file(pattern(1000));
    const Client client(address_);
    poll_until([&] { return accepted_.size() == 1; });
    backend_->adopt(0, kGeneration, accepted_[0]);
    backend_->send_file(Token{0, kGeneration, OpKind::send}, {}, file.range(0, 1000),
                        SendUrgency::eager);
    backend_->close(Token{0, kGeneration, OpKind::close});
    for (int i = 0; i < 10; ++i) {
        poll();
    }
    EXPECT_TRUE(ended_.empty());
    system.finish_one(ERROR_OPERATION_ABORTED);
    poll_until([&] { return ended_.size() == 2; });
    EXPECT_EQ(ended_[0].token.kind(), OpKind::send);
    EXPECT_EQ(ended_[0].status, Status::cancelled);
    EXPECT_EQ(ended_[0].bytes, 0U);
    EXPECT_EQ(ended_[1].token.kind(), OpKind::close);
}

TEST_F(Synchronous, AReadThatFailsEndsTheSend) {
    struct Case {
        DWORD error;
        Status status;
    };
    for (const Case& expected :
         {Case{ERROR_HANDLE_EOF, Status::changed}, Case{ERROR_CRC, Status::reset}}) {
        const SlowRead system;
        make(system);
        accepted_.clear();
        ended_.clear();
        const test::TempFile file(pattern(1000));
        const Client client(address_);
        poll_until([&] { return accepted_.size() == 1; });
        backend_->adopt(0, kGeneration, accepted_[0]);
        backend_->send_file(Token{0, kGeneration, OpKind::send}, {}, file.range(0, 1000),
                            SendUrgency::eager);
        system.finish_one(expected.error);
        poll_until([&] { return ended_.size() == 1; });
        EXPECT_EQ(ended_[0].status, expected.status);
        backend_.reset();
    }
}

TEST_F(Synchronous, AcceptedOnceEach) {
    const SynchronousAccept system;
    make(system);
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 100; ++i) {
        clients.push_back(std::make_unique<Client>(address_));
        poll();
    }
    poll_until([&] { return accepted_.size() == clients.size(); });
    poll();
    EXPECT_EQ(accepted_.size(), clients.size());
    EXPECT_TRUE(ended_.empty());
    for (const Socket socket : accepted_) {
        backend_->discard(socket);
    }
}

TEST_F(Synchronous, AnAcceptThatFailsEndsTheStreamAndMayBeStartedAgain) {
    const FailingAccept system;
    make(system);
    poll_until([&] { return !ended_.empty(); });
    EXPECT_EQ(ended_.front().status, Status::no_memory);
    EXPECT_FALSE(ended_.front().more);
    const Client client(address_);
    poll();
    EXPECT_TRUE(accepted_.empty());
    system.fails = false;
    backend_->accept_start(listener_, Token{listener_, 2, OpKind::accept});
    poll_until([&] { return accepted_.size() == 1; });
    backend_->discard(accepted_.front());
}

}  // namespace sluice
