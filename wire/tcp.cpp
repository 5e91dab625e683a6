#include "wire/tcp.h"

namespace sluice::wire {

namespace {

// tshark's thresholds: a retransmission within 20 ms of the duplicate ACKs is a fast one; without a
// known round trip time, 3 ms tell reordering from loss.
constexpr Nanos kFastResend = 20 * kMillisecond;
constexpr Nanos kReorderUnknownRtt = 3 * kMillisecond;

constexpr std::uint16_t kControl = flag::syn | flag::fin | flag::rst;

bool is_control(const Segment& segment) noexcept {
    return (segment.flags & kControl) != 0;
}

// A pure ACK that repeats the sequence and acknowledgement numbers of the segment before.
bool repeats(const TcpHalf& sender, const Segment& segment) noexcept {
    return segment.length == 0 && !is_control(segment) && segment.seq == sender.next &&
           sender.next_known && segment.ack == sender.last_ack && sender.ack_known;
}

}  // namespace

std::string_view analysis_name(std::uint32_t bit) noexcept {
    using namespace analysis;
    switch (bit & (~bit + 1)) {
        case retransmission: return "retransmission";
        case fast_retransmission: return "fast_retransmission";
        case spurious_retransmission: return "spurious_retransmission";
        case out_of_order: return "out_of_order";
        case previous_lost: return "previous_segment_not_captured";
        case acked_unseen: return "acked_unseen_segment";
        case duplicate_ack: return "duplicate_ack";
        case zero_window: return "zero_window";
        case zero_window_probe: return "zero_window_probe";
        case zero_window_probe_ack: return "zero_window_probe_ack";
        case window_update: return "window_update";
        case window_full: return "window_full";
        case keep_alive: return "keep_alive";
        case keep_alive_ack: return "keep_alive_ack";
        case ports_reused: return "ports_reused";
        case second_copy: return "second_copy";
        default: return "";
    }
}

void TcpAnalysis::learn_numbers(TcpHalf& sender, TcpHalf& receiver,
                                const Segment& segment) noexcept {
    const bool syn = segment.has(flag::syn);
    if (!sender.isn_known) {
        sender.isn = syn ? segment.seq : segment.seq - 1;
        sender.isn_known = true;
    }
    sender.isn_seen |= syn;
    // The other side's first segment was not captured: take the acknowledgement number less one.
    if (!receiver.isn_known && segment.has(flag::ack)) {
        receiver.isn = segment.ack - 1;
        receiver.isn_known = true;
    }
}

void TcpAnalysis::learn_scale(TcpHalf& sender, TcpHalf& receiver, const Segment& segment) noexcept {
    if (!segment.has(flag::syn)) {
        return;
    }
    if (segment.options.has_window_scale) {
        sender.window_shift = static_cast<std::int8_t>(segment.options.window_shift);
    } else if (sender.window_shift == TcpHalf::kUnknown) {
        // Both must offer it, or neither scales (RFC 7323 section 2.2).
        sender.window_shift = receiver.window_shift = TcpHalf::kOff;
    }
    if (segment.has(flag::ack) && receiver.window_shift == TcpHalf::kOff) {
        sender.window_shift = TcpHalf::kOff;
    }
}

// Windows and probes. True when the segment is classified, so that it is no duplicate ACK.
bool TcpAnalysis::window_kind(TcpHalf& sender, TcpHalf& receiver, const Segment& segment,
                              SegmentAnalysis& result) noexcept {
    using namespace analysis;
    const bool at_next = sender.next_known && segment.seq == sender.next;
    if (segment.length == 1 && at_next && receiver.window == 0 && receiver.ack_known) {
        result.bits |= zero_window_probe;
        return true;
    }
    if (segment.window == 0 && !is_control(segment)) {
        result.bits |= zero_window;
    }
    if (sender.next_known && seq_before(sender.next, segment.seq) && !segment.has(flag::rst)) {
        result.bits |= previous_lost;
    }
    if (segment.length <= 1 && sender.next_known && segment.seq == sender.next - 1 &&
        !is_control(segment)) {
        result.bits |= keep_alive;
    }
    if (repeats(sender, segment) && segment.window != 0 && segment.window != sender.window) {
        result.bits |= window_update;
    }
    if (segment.length > 0 && !is_control(segment) && receiver.window_shift != TcpHalf::kUnknown &&
        receiver.ack_known &&
        segment.seq + segment.length ==
            receiver.last_ack + receiver.scaled(receiver.window, receiver.window_unscaled)) {
        result.bits |= window_full;
    }
    if (!repeats(sender, segment) || segment.window != sender.window) {
        return false;
    }
    if (segment.window != 0 && (receiver.last_analysis & keep_alive) != 0) {
        result.bits |= keep_alive_ack;
        return true;
    }
    if (segment.window == 0 && (receiver.last_analysis & zero_window_probe) != 0) {
        result.bits |= zero_window_probe_ack;
        return true;
    }
    return false;
}

void TcpAnalysis::ack_kind(TcpHalf& sender, TcpHalf& receiver, const Segment& segment,
                           SegmentAnalysis& result) noexcept {
    (void)receiver;
    if (repeats(sender, segment) && segment.window != 0 && segment.window == sender.window) {
        sender.duplicate_acks = sender.duplicate_acks < 0 ? 1 : sender.duplicate_acks + 1;
        result.bits |= analysis::duplicate_ack;
        result.duplicate_number = static_cast<std::uint32_t>(sender.duplicate_acks);
        result.duplicate_of = sender.first_ack_frame;
    }
}

// An ACK of bytes that the capture does not have. Reported once for each loss: the other side's
// count of duplicate ACKs then is -1.
void TcpAnalysis::unseen_kind(TcpHalf& sender, TcpHalf& receiver, const Segment& segment,
                              SegmentAnalysis& result) noexcept {
    (void)sender;
    if (!receiver.contiguous_known || !segment.has(flag::ack) ||
        !seq_before(receiver.contiguous, segment.ack)) {
        return;
    }
    if (seq_before(receiver.contiguous, receiver.next)) {
        receiver.contiguous = receiver.next;
        result.bits |= analysis::acked_unseen;
        return;
    }
    if (receiver.duplicate_acks == 0) {
        result.bits |= analysis::acked_unseen;
    }
    receiver.duplicate_acks = -1;
}

// A segment that occupies sequence space but does not advance it: a retransmission, or late.
void TcpAnalysis::resend_kind(const TcpHalf& sender, const TcpHalf& receiver,
                              const Segment& segment, Nanos time,
                              SegmentAnalysis& result) noexcept {
    using namespace analysis;
    if (segment.sequence_bytes() == 0 || (result.bits & keep_alive) != 0) {
        return;
    }
    bool old = sender.next_known && seq_before(segment.seq, sender.next);
    if (segment.length > 1 && segment.seq == sender.next - 1) {
        old = false;  // the previous byte was a window probe
    }
    if (segment.length > 0 && receiver.ack_known && receiver.last_ack != 0 &&
        !seq_before(receiver.last_ack, segment.seq + segment.length)) {
        result.bits |= spurious_retransmission;
        return;
    }
    if (!old) {
        return;
    }
    if (receiver.duplicate_acks >= 2 && receiver.last_ack == segment.seq &&
        time - receiver.ack_time < kFastResend) {
        result.bits |= fast_retransmission;
        return;
    }
    const Nanos near = handshake_time_ != 0 ? handshake_time_ : kReorderUnknownRtt;
    const std::uint32_t end =
        segment.seq + segment.length + ((segment.flags & (flag::syn | flag::fin)) != 0 ? 1 : 0);
    if (time - sender.next_time < near && end != sender.next) {
        result.bits |= out_of_order;
        return;
    }
    result.bits |= retransmission;
}

void TcpAnalysis::advance(TcpHalf& sender, const Segment& segment, Nanos time,
                          const SegmentAnalysis& result) noexcept {
    const bool counts = (segment.flags & (flag::syn | flag::fin)) != 0;
    const std::uint32_t end = segment.seq + segment.length + (counts ? 1 : 0);
    const bool probe = (result.bits & analysis::zero_window_probe) != 0;
    if (!probe && (!sender.next_known || seq_before(sender.next, end))) {
        sender.next = end;
        sender.next_known = true;
        sender.next_time = time;
    }
    if (!probe && (!sender.contiguous_known || segment.seq == sender.contiguous)) {
        sender.contiguous = sender.next;
        sender.contiguous_known = true;
    }
    sender.window = segment.window;
    sender.window_unscaled = segment.has(flag::syn);
    sender.last_ack = segment.ack;
    sender.ack_known = true;
    sender.ack_time = time;
    sender.last_analysis = result.bits;
}

SegmentAnalysis TcpAnalysis::see(int from, const Segment& segment, Nanos time,
                                 std::uint64_t frame) noexcept {
    TcpHalf& sender = halves_[from];
    TcpHalf& receiver = halves_[1 - from];
    SegmentAnalysis result;
    learn_numbers(sender, receiver, segment);
    learn_scale(sender, receiver, segment);
    const bool syn = segment.has(flag::syn);
    if (syn && !segment.has(flag::ack)) {
        syn_time_ = time;
    } else if (!syn && segment.has(flag::ack) && handshake_time_ == 0 && syn_time_ != 0 &&
               receiver.isn_known && segment.ack == receiver.isn + 1) {
        handshake_time_ = time - syn_time_;
    }
    if (!window_kind(sender, receiver, segment, result)) {
        ack_kind(sender, receiver, segment, result);
    }
    if (!sender.ack_known || segment.ack != sender.last_ack) {
        sender.first_ack_frame = frame;
        sender.duplicate_acks = 0;
    }
    unseen_kind(sender, receiver, segment, result);
    resend_kind(sender, receiver, segment, time, result);
    advance(sender, segment, time, result);
    result.relative_seq = segment.seq - sender.isn;
    result.relative_ack = segment.has(flag::ack) ? segment.ack - receiver.isn : 0;
    result.window = sender.scaled(segment.window, syn);
    return result;
}

// ---- states

std::string_view to_string(TcpState state) noexcept {
    switch (state) {
        case TcpState::unknown: return "?";
        case TcpState::closed: return "CLOSED";
        case TcpState::listen: return "LISTEN";
        case TcpState::syn_sent: return "SYN_SENT";
        case TcpState::syn_received: return "SYN_RCVD";
        case TcpState::established: return "ESTABLISHED";
        case TcpState::fin_wait_1: return "FIN_WAIT_1";
        case TcpState::fin_wait_2: return "FIN_WAIT_2";
        case TcpState::close_wait: return "CLOSE_WAIT";
        case TcpState::closing: return "CLOSING";
        case TcpState::last_ack: return "LAST_ACK";
        case TcpState::time_wait: return "TIME_WAIT";
    }
    return "?";
}

void TcpStates::see_syn(End& sender, End& receiver, const Segment& segment) noexcept {
    if (sender.syn && sender.syn_after == segment.seq + 1) {
        return;  // sent again
    }
    sender.syn = true;
    sender.syn_after = segment.seq + 1;
    sender.next = segment.seq + 1;
    sender.next_known = true;
    if (segment.has(flag::ack)) {
        sender.now = {TcpState::syn_received, false};
        if (receiver.now.state == TcpState::unknown) {
            receiver.now = {TcpState::syn_sent, true};  // its SYN was not captured
        }
        return;
    }
    sender.now = {TcpState::syn_sent, false};
    if (receiver.now.state == TcpState::unknown) {
        receiver.now = {TcpState::listen, true};
    } else if (receiver.now.state == TcpState::syn_sent) {
        // Simultaneous open (RFC 9293 section 3.5, figure 8).
        receiver.now = {TcpState::syn_received, true};
        sender.now = {TcpState::syn_received, true};
    }
}

// What the sender's ACK changes at the receiver, and shows about the sender.
void TcpStates::see_ack(End& sender, End& receiver, const Segment& segment) noexcept {
    const bool acks_syn = receiver.syn && !seq_before(segment.ack, receiver.syn_after);
    if (!segment.has(flag::syn) && sender.now.state != TcpState::closed &&
        (sender.now.state == TcpState::syn_sent || sender.now.state == TcpState::syn_received ||
         sender.now.state == TcpState::established)) {
        sender.now = {TcpState::established, false};
    }
    if (acks_syn && (receiver.now.state == TcpState::syn_sent ||
                     receiver.now.state == TcpState::syn_received)) {
        // The SYN+ACK establishes a client, the ACK a server; that it arrived is inferred.
        receiver.now = {TcpState::established, true};
    }
    if (!receiver.fin.sent || receiver.fin.acked || seq_before(segment.ack, receiver.fin.after)) {
        return;
    }
    receiver.fin.acked = true;
    // The ACK shows that the sender has the FIN.
    switch (sender.now.state) {
        case TcpState::established:
        case TcpState::close_wait: sender.now = {TcpState::close_wait, false}; break;
        case TcpState::fin_wait_1:
            sender.now = {sender.fin.acked ? TcpState::time_wait : TcpState::closing, true};
            break;
        case TcpState::fin_wait_2: sender.now = {TcpState::time_wait, true}; break;
        default: break;
    }
    switch (receiver.now.state) {
        case TcpState::fin_wait_1: receiver.now = {TcpState::fin_wait_2, true}; break;
        case TcpState::closing: receiver.now = {TcpState::time_wait, true}; break;
        case TcpState::last_ack: receiver.now = {TcpState::closed, true}; break;
        default: break;
    }
}

void TcpStates::see_fin(End& sender, End& receiver, const Segment& segment) noexcept {
    const std::uint32_t after = segment.seq + segment.sequence_bytes();
    if (sender.fin.sent) {
        return;  // sent again
    }
    sender.fin = {true, false, after};
    // An end that has not acknowledged the other's FIN did not have it when it sent its own.
    const bool second = sender.now.state == TcpState::close_wait && receiver.fin.acked;
    sender.now = {second ? TcpState::last_ack : TcpState::fin_wait_1, false};
    const bool gap = sender.next_known && sender.next != segment.seq;
    if (gap) {
        return;  // the receiver still lacks bytes before the FIN
    }
    switch (receiver.now.state) {
        case TcpState::syn_received:
        case TcpState::established: receiver.now = {TcpState::close_wait, true}; break;
        case TcpState::fin_wait_1:
            receiver.now = {receiver.fin.acked ? TcpState::time_wait : TcpState::closing, true};
            break;
        case TcpState::fin_wait_2: receiver.now = {TcpState::time_wait, true}; break;
        default: break;
    }
}

void TcpStates::see(int from, const Segment& segment) noexcept {
    End& sender = ends_[from];
    End& receiver = ends_[1 - from];
    if (segment.has(flag::rst)) {
        sender.now = {TcpState::closed, false};
        receiver.now = {TcpState::closed, true};
        return;
    }
    if (segment.has(flag::syn)) {
        see_syn(sender, receiver, segment);
    } else if (sender.now.state == TcpState::unknown) {
        // The handshake was not captured.
        sender.now = {TcpState::established, true};
        receiver.now = {TcpState::established, true};
    }
    if (segment.has(flag::ack)) {
        see_ack(sender, receiver, segment);
    }
    const bool in_order = !sender.next_known || sender.next == segment.seq;
    if (segment.has(flag::fin)) {
        see_fin(sender, receiver, segment);
    }
    const std::uint32_t end = segment.seq + segment.sequence_bytes();
    if (in_order || seq_before(sender.next, end)) {
        sender.next = end;
        sender.next_known = true;
    }
}

}  // namespace sluice::wire
