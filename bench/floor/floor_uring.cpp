// The null io_uring server, for information: multishot accept, multishot recv from a provided
// buffer ring, send (in churn mode linked to a close). It shows what the interface itself can do.
#include <liburing.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>
#include <vector>

#include "bench/floor/floor.h"

using namespace floor_server;

namespace {

constexpr unsigned kBuffers = 1024;
constexpr unsigned kBufferBytes = 2048;
enum class Kind : std::uint32_t { accept, recv, send, close };

void tag(io_uring_sqe* sqe, Kind kind, int fd) {
    sqe->user_data =
        (std::uint64_t{static_cast<std::uint32_t>(kind)} << 32) | static_cast<std::uint32_t>(fd);
}

io_uring_sqe* next(io_uring* ring) {
    io_uring_sqe* sqe = io_uring_get_sqe(ring);
    if (sqe == nullptr) {
        io_uring_submit(ring);
        sqe = io_uring_get_sqe(ring);
    }
    return sqe;
}

void receive(io_uring* ring, int fd, bool churn) {
    io_uring_sqe* sqe = next(ring);
    if (churn) {
        io_uring_prep_recv(sqe, fd, nullptr, 0, 0);
        sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;  // a new connection rarely has data yet
    } else {
        io_uring_prep_recv_multishot(sqe, fd, nullptr, 0, 0);
    }
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = 0;
    tag(sqe, Kind::recv, fd);
}

void answer_with(io_uring* ring, int fd, const std::string& answer, bool churn) {
    io_uring_sqe* sqe = next(ring);
    io_uring_prep_send(sqe, fd, answer.data(), answer.size(), MSG_WAITALL | MSG_NOSIGNAL);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    tag(sqe, Kind::send, fd);
    if (churn) {
        sqe->flags |= IOSQE_IO_LINK;
        sqe = next(ring);
        io_uring_prep_close(sqe, fd);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        tag(sqe, Kind::close, fd);
    }
}

// The ring's receive buffers.
class Buffers {
  public:
    explicit Buffers(io_uring* ring) : memory_(std::size_t{kBuffers} * kBufferBytes) {
        void* ring_memory = nullptr;
        if (::posix_memalign(&ring_memory, 4096, kBuffers * sizeof(io_uring_buf)) != 0) {
            fail("memory");
        }
        ring_ = static_cast<io_uring_buf_ring*>(ring_memory);
        io_uring_buf_reg registration{};
        registration.ring_addr = reinterpret_cast<std::uint64_t>(ring_memory);
        registration.ring_entries = kBuffers;
        errno = -io_uring_register_buf_ring(ring, &registration, 0);
        if (errno != 0) {
            fail("buffer ring");
        }
        io_uring_buf_ring_init(ring_);
        for (unsigned short id = 0; id < kBuffers; ++id) {
            lend(id);
        }
        hand_over();
    }
    void lend(unsigned short id) {
        io_uring_buf_ring_add(ring_, &memory_[std::size_t{id} * kBufferBytes], kBufferBytes, id,
                              io_uring_buf_ring_mask(kBuffers), lent_++);
    }
    void hand_over() { io_uring_buf_ring_advance(ring_, std::exchange(lent_, 0)); }

  private:
    std::vector<char> memory_;
    io_uring_buf_ring* ring_ = nullptr;
    int lent_ = 0;  // since the last hand_over()
};

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    const std::string one =
        head(options.body_bytes, options.churn) + std::string(options.body_bytes, 'x');
    std::string answer;
    for (int i = 0; i < options.pipeline; ++i) {
        answer += one;
    }

    io_uring ring{};
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    params.cq_entries = 16 * 1024;
    errno = -io_uring_queue_init_params(2048, &ring, &params);
    if (errno != 0) {
        fail("io_uring");
    }
    io_uring_register_ring_fd(&ring);

    Buffers buffers(&ring);

    const int listener = listen_on(options.port, 0);
    io_uring_sqe* sqe = next(&ring);
    io_uring_prep_multishot_accept(sqe, listener, nullptr, nullptr, 0);
    tag(sqe, Kind::accept, listener);

    std::array<io_uring_cqe*, 512> done{};
    for (;;) {
        io_uring_submit_and_wait(&ring, 1);
        const unsigned count = io_uring_peek_batch_cqe(&ring, done.data(), done.size());
        for (unsigned i = 0; i < count; ++i) {
            const io_uring_cqe& cqe = *done[i];
            const auto kind = static_cast<Kind>(cqe.user_data >> 32);
            const int fd = static_cast<int>(cqe.user_data & 0xffffffffU);
            if (kind == Kind::accept && cqe.res >= 0) {
                no_delay(cqe.res);
                receive(&ring, cqe.res, options.churn);
            } else if (kind == Kind::recv) {
                const bool over = (cqe.flags & IORING_CQE_F_MORE) == 0;
                if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) {
                    buffers.lend(static_cast<unsigned short>(cqe.flags >> IORING_CQE_BUFFER_SHIFT));
                }
                if (cqe.res > 0) {
                    answer_with(&ring, fd, answer, options.churn);
                }
                if (cqe.res == -ENOBUFS || (cqe.res > 0 && over && !options.churn)) {
                    receive(&ring, fd, options.churn);
                } else if (cqe.res <= 0 && over) {
                    io_uring_prep_close(sqe = next(&ring), fd);
                    tag(sqe, Kind::close, fd);
                }
            }
        }
        buffers.hand_over();
        io_uring_cq_advance(&ring, count);
    }
}
