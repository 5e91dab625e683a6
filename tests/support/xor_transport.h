// XorTransport: a transport for tests that is as awkward as TLS may be. It has records of random
// length, whose bytes are xored with a counter and show only when the whole record is there; a
// handshake; records that want an answer while something else is being sent; a farewell; and a
// client that breaks a record at a byte of its choice.
//
// A record is its kind, the length of its payload (two bytes, big-endian), and the payload. Both
// sides begin with a hello.
//
// Allocates nothing, so that tests that refuse memory can use it. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/transport.h"

namespace sluice::test {

class XorTransport final : public Transport {
  public:
    static constexpr std::size_t kPayloadMax = 4000;
    static constexpr std::size_t kHeaderBytes = 3;
    static constexpr std::string_view kProtocol = "xor/1";

    enum class Side : std::uint8_t { server, client };
    XorTransport(Side side, std::uint64_t seed) noexcept;

    [[nodiscard]] Progress open(std::string_view wire, std::span<char> plain) noexcept override;
    [[nodiscard]] Progress seal(std::span<const Slice> plain,
                                std::span<char> wire) noexcept override;
    [[nodiscard]] std::size_t own_output(std::span<char> wire) noexcept override;
    void finish() noexcept override;
    [[nodiscard]] TransportState state() const noexcept override { return state_; }
    [[nodiscard]] std::string_view protocol() const noexcept override {
        return state_ == TransportState::handshake ? std::string_view{} : kProtocol;
    }

    // The peer is asked for an answer, which it gives between two records.
    void ask() noexcept { ++asks_due_; }
    [[nodiscard]] std::uint64_t answers() const { return answers_; }

  private:
    enum class Kind : std::uint8_t { hello = 1, data, ask, answer, farewell, alert };

    [[nodiscard]] std::size_t put(Kind kind, std::string_view payload, char* wire) noexcept;
    void take(Kind kind) noexcept;
    [[nodiscard]] std::size_t next_length() noexcept;

    const Side side_;
    TransportState state_ = TransportState::handshake;
    std::uint64_t random_;
    std::uint8_t out_counter_ = 0;
    std::uint8_t in_counter_ = 0;
    std::array<char, kHeaderBytes + kPayloadMax> record_{};  // as far as it has come
    std::size_t record_bytes_ = 0;
    bool hello_due_ = true;
    bool farewell_due_ = false;
    bool alert_due_ = false;
    std::uint64_t asks_due_ = 0;
    std::uint64_t answers_due_ = 0;
    std::uint64_t answers_ = 0;
};

class XorTransports final : public TransportFactory {
  public:
    explicit XorTransports(std::uint64_t seed) : seed_(seed) {}
    [[nodiscard]] std::unique_ptr<Transport> make() noexcept override;

  private:
    std::uint64_t seed_;
};

// The client's end, for peers that write and read strings.
class XorClient {
  public:
    explicit XorClient(std::uint64_t seed) : transport_(XorTransport::Side::client, seed) {}

    // What has to be written for these bytes, with all that is due. The bytes are kept until the
    // handshake is over.
    [[nodiscard]] std::string seal(std::string_view plain);
    // What is in these bytes. Something may be due afterwards: seal("") returns it.
    [[nodiscard]] std::string open(std::string_view wire);
    void ask() { transport_.ask(); }
    void finish() { finishing_ = true; }
    // The server has said farewell.
    [[nodiscard]] bool ended() const { return transport_.state() == TransportState::finished; }
    [[nodiscard]] bool failed() const { return transport_.state() == TransportState::failed; }
    [[nodiscard]] bool handshaking() const {
        return transport_.state() == TransportState::handshake;
    }
    // Whether everything that was to be sealed has been given out.
    [[nodiscard]] bool empty() const { return waiting_.empty(); }
    [[nodiscard]] std::uint64_t answers() const { return transport_.answers(); }

  private:
    XorTransport transport_;
    std::string waiting_;
    bool finishing_ = false;
    bool farewell_said_ = false;
};

}  // namespace sluice::test
