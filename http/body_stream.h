// BodyStream: hands out a response body that is sent apart from its head, piece by piece: slices of
// an entry's memory, ranges of its file, and the part heads of multipart/byteranges between them.
//
// OWNERSHIP. Lives inside the session while such a body is being sent. The entry must outlive it:
// the session pins it.
//
// LIVE FILES may be edited in place at any time. Each range carries the stamp that the backend
// checks after handing the bytes over; but pages lent to a socket on the same host still show an
// edit that comes after the check, until the peer has read them. So the end of such a body is
// copied: once more bytes have left than the sockets can hold, whatever was lent before them has
// been read. When the stamp moves, the rest leaves verified (LiveBody) through the session's output
// buffer. Lent bytes that the peer may have read after the last good check are verified too, once
// it must have read them, and the last bytes of the body wait for that.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/bytes.h"
#include "core/session.h"
#include "http/live_body.h"
#include "http/multipart.h"
#include "http/plan.h"

namespace sluice::http {

// One send at most, so that one fast reader does not keep a worker from the others.
inline constexpr std::size_t kPieceBytesMax = std::size_t{1} << 20;
// Bodies (and ranges) in memory up to this size are copied behind their head, so that pipelined
// answers leave together; above it they are sent from where they are.
inline constexpr std::size_t kBodyCopyMax = 4096;
static_assert(kBodyCopyMax >= kHeadBytesMax);  // Http1Session::emit() relies on it

class BodyStream {
  public:
    // `live_tail_bytes`: what the sockets of both ends can hold. `block`: see LiveBody.
    BodyStream(const ResponsePlan& plan, std::uint64_t live_tail_bytes,
               VerifiedBlock& block) noexcept;

    // Writes what belongs in front to `out` (`room` is at least kHeadBytesMax when nothing is
    // before it) and returns its length; sets the slice or the range that follows, if one does.
    [[nodiscard]] std::size_t next(char* out, std::size_t room, Slice& slice,
                                   FileRange& file) noexcept;
    // Whether the range that next() handed out last has to be read into memory before it leaves.
    [[nodiscard]] bool copying() const noexcept { return copying_; }
    // All that next() handed out has left.
    void sent() noexcept;
    // `bytes` of the range that next() handed out have left, then the file was found changed.
    // False: the promise is broken.
    [[nodiscard]] bool changed(std::uint64_t bytes) noexcept;

    // Whether everything has been handed out.
    [[nodiscard]] bool finished() const noexcept;
    // Whether next() has found that the file does not hold the promised bytes any more.
    [[nodiscard]] bool broken() const noexcept { return broken_; }

  private:
    void take_slice(Slice& slice) noexcept;
    void take_file(FileRange& file) noexcept;
    [[nodiscard]] std::size_t copy_verified(char* out, std::size_t room) noexcept;
    [[nodiscard]] bool verify_lent(bool all) noexcept;
    [[nodiscard]] std::uint64_t range_left() const noexcept;
    [[nodiscard]] std::uint64_t handed_out() const noexcept { return total_ - left_; }
    void advance(std::uint64_t bytes) noexcept;
    void take_back(std::uint64_t bytes) noexcept;

    ResponsePlan plan_;
    std::uint64_t live_tail_bytes_;
    std::uint64_t total_ = 0;   // of all ranges together
    std::uint64_t left_ = 0;    // of total_
    std::uint64_t offset_ = 0;  // inside the current range
    std::uint8_t index_ = 0;    // of the current range
    bool opened_ = false;       // its part head is written
    bool closed_ = false;       // the closing delimiter is written, or there is none
    bool broken_ = false;
    bool copying_ = false;  // the range handed out last is to be copied

    // Places in the body, counted over all ranges.
    LiveBody live_;
    std::uint64_t file_bytes_ = 0;  // length of the range handed out last
    std::uint64_t good_ = 0;        // how much had left when the stamp was last found unmoved
    std::uint64_t lent_ = 0;        // behind the last byte that was lent
    std::uint64_t verified_ = 0;    // the lent bytes before it are known to have been good
};

}  // namespace sluice::http
