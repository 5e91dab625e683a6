// SessionDriver: does for a session what the reactor does, in the order that core/session.h asks
// for, and collects what it sends. Used by tests and fuzz targets; aborts on a broken contract.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "core/check.h"
#include "core/session.h"
#include "tests/support/host.h"

namespace sluice::transcripts {

inline const char* to_string(SessionState state) {
    switch (state) {
        case SessionState::idle: return "idle";
        case SessionState::kept: return "kept";
        case SessionState::head: return "head";
        case SessionState::body: return "body";
        case SessionState::respond: return "respond";
        case SessionState::waiting: return "waiting";
        case SessionState::window: return "window";
        case SessionState::close: return "close";
        case SessionState::linger: return "linger";
    }
    return "?";
}

class SessionDriver final : public SessionPeer {
  public:
    explicit SessionDriver(SessionFactory& factory) : factory_(factory) {
        storage_ = ::operator new (factory.session_bytes(), std::align_val_t{64});
        session_ = factory_.create(storage_, *this);
    }
    ~SessionDriver() {
        session_->~Session();
        ::operator delete (storage_, std::align_val_t{64});
    }
    SessionDriver(const SessionDriver&) = delete;
    SessionDriver& operator=(const SessionDriver&) = delete;

    // Feeds bytes that arrive together; those that the session cannot take yet are kept, as the
    // reactor does. An idle session is made anew, which must change nothing.
    void receive(std::string_view bytes) {
        kept_ += bytes;
        advance();
    }
    void eof() {
        CHECK(kept_.empty() || over());
        if (!over()) {
            session_->on_eof();
            pump();
        }
    }
    void time_out() {
        session_->on_timeout();
        pump();
        advance();
    }
    void resume() {
        session_->resume();
        pump();
        advance();
    }

    // With `hold_pieces`, a piece stays in flight until deliver() or abort(); until then its memory
    // must not change.
    void hold_pieces() { hold_ = true; }
    [[nodiscard]] bool in_flight() const { return in_flight_; }
    [[nodiscard]] const Piece& piece() const { return piece_; }
    void deliver() {
        finish_piece();
        advance();
    }
    void abort(std::uint64_t bytes) {
        CHECK(!in_flight_ || slices() == held_);
        in_flight_ = false;
        session_->aborted(bytes);
        CHECK(state() == SessionState::close);
    }

    [[nodiscard]] bool over() const {
        return state() == SessionState::close || state() == SessionState::linger;
    }
    [[nodiscard]] SessionState state() const { return session_->state(); }
    [[nodiscard]] Session& session() { return *session_; }
    [[nodiscard]] const std::string& sent() const { return sent_; }
    [[nodiscard]] std::size_t pieces() const { return pieces_; }
    [[nodiscard]] const std::string& kept() const { return kept_; }

    Endpoint peer{.family = Family::ipv4, .address = {192, 0, 2, 7}, .port = 4711, .path = {}};
    [[nodiscard]] const Endpoint& peer_endpoint() noexcept override { return peer; }
    Nanos accept_wait = -1;
    [[nodiscard]] Nanos take_accept_wait() noexcept override {
        return std::exchange(accept_wait, -1);
    }

  private:
    void advance() {
        while (!in_flight_ && !kept_.empty()) {
            // A copy of the exact size, so that a read beyond the chunk or after the call is seen.
            const std::unique_ptr<char[]> chunk(new char[kept_.size()]);
            kept_.copy(chunk.get(), kept_.size());
            const std::size_t taken = session_->feed({chunk.get(), kept_.size()});
            CHECK(taken <= kept_.size());
            kept_.erase(0, taken);
            const std::size_t pieces_before = pieces_;
            pump();
            if (taken == 0 && pieces_ == pieces_before) {
                return;  // waiting for content, or over
            }
        }
        if (!in_flight_ && kept_.empty() && state() == SessionState::idle) {
            session_->~Session();
            session_ = factory_.create(storage_, *this);
        }
    }
    void pump() {
        while (!in_flight_) {
            piece_ = session_->next();
            if (piece_.empty()) {
                return;
            }
            ++pieces_;
            in_flight_ = true;
            CHECK(piece_.slice_count <= kSlicesMax);
            if (hold_) {
                held_ = slices();
                return;
            }
            finish_piece();
        }
    }
    void finish_piece() {
        CHECK(in_flight_ && (!hold_ || slices() == held_));
        sent_ += slices();
        if (piece_.file.length != 0) {
            const std::string bytes =
                test::read_at(piece_.file.file, piece_.file.offset, piece_.file.length);
            CHECK(bytes.size() == piece_.file.length);
            sent_ += bytes;
        }
        in_flight_ = false;
        const bool last = piece_.last;
        session_->sent();
        if (last) {
            CHECK(state() == SessionState::idle || over());
        }
        pump();
    }

    [[nodiscard]] std::string slices() const {
        std::string bytes;
        for (std::uint32_t i = 0; i < piece_.slice_count; ++i) {
            bytes.append(piece_.slices[i].data, piece_.slices[i].size);
        }
        return bytes;
    }

    SessionFactory& factory_;
    void* storage_ = nullptr;
    Session* session_ = nullptr;
    std::string kept_;
    std::string sent_;
    std::string held_;
    Piece piece_;
    std::size_t pieces_ = 0;
    bool in_flight_ = false;
    bool hold_ = false;
};

}  // namespace sluice::transcripts
