#include "tests/sim/client.h"

#include <algorithm>

#include "core/timer_wheel.h"

namespace sluice::sim {

namespace {

// What a server may take for its own work, in virtual time.
constexpr Nanos kWork = 5 * kMillisecond;
// A cold file waits for a descriptor, which slow downloads of others may hold; the reactor's bound
// is five seconds, and a deadline fires within a tick of its instant.
constexpr Nanos kLoad = 5 * kSecond + TimerWheel::kTick;
// Where streams pause by chance, there is a bound for short messages alone.
constexpr std::size_t kShort = 1'000;
constexpr Nanos kPausesLast = 500 * kMillisecond;
constexpr std::size_t kBabbleBytes = 20'000;
constexpr Nanos kBabblePause = 10 * kMillisecond;

const char* name_of(Manner manner) {
    switch (manner) {
        case Manner::closes: return "closes";
        case Manner::half_closes: return "half-closes";
        case Manner::stays: return "stays";
        case Manner::cuts: return "cuts";
        case Manner::cuts_and_ends: return "cuts and ends";
        case Manner::silent: return "silent";
        case Manner::vanishes: return "vanishes";
        case Manner::stalls: return "stalls";
        case Manner::babbles: return "babbles";
    }
    return "";
}

}  // namespace

Client::Client(World& world, ClientPlan plan, std::uint64_t seed)
    : world_(world), plan_(std::move(plan)), random_(seed) {
    world_.network().after(plan_.start, [this] { start(); });
}

std::string Client::describe() const {
    std::string text = name_of(plan_.manner);
    text += ", step " + std::to_string(writing_) + " of " + std::to_string(plan_.steps.size()) +
            ", " + std::to_string(responses_) + " responses, " + std::to_string(input_.size()) +
            " bytes beyond";
    if (peer_ != nullptr) {
        text += ", " + std::string(to_string(peer_->status())) + (saw_eof_ ? ", eof" : "");
    }
    const auto ms = [](Nanos at) { return std::to_string(at / kMillisecond) + " ms"; };
    text += "\n    started " + ms(plan_.start) + ", last byte " + ms(last_byte_at_) + ", ended " +
            ms(ended_at_) + ", reads " + std::to_string(plan_.read_max) + " at once";
    if (!input_.empty()) {
        text += "\n    beyond: " + input_.substr(0, 200);
    }
    if (responses_ < plan_.steps.size()) {
        const std::string& next = plan_.steps[responses_].bytes;
        text += "\n    next: " + next.substr(0, std::min<std::size_t>(next.size(), 120));
    }
    return text;
}

// How long after its last byte was written a request may wait for the last byte of its answer: a
// journey each way, another two for each window that has to be opened again, and the turns that
// other workers have in between, short ones while somebody is busy. Through the test transport
// twice as many bytes may travel (records of four bytes with a head of three), and a handshake or
// an answer to the client's transport comes first.
Nanos Client::due(std::size_t request_bytes, std::size_t answer_bytes) const {
    const SimOptions& network = world_.network().options();
    if (world_.options().sealed) {
        request_bytes = 2 * request_bytes + network.window_bytes_min;
        answer_bytes = 2 * answer_bytes + network.window_bytes_min;
    }
    const std::size_t windows = (request_bytes + answer_bytes) / network.window_bytes_min;
    const auto journeys = static_cast<Nanos>(4 + 2 * windows);
    const Nanos turn = world_.workers() > 1 ? kTurnMax : 0;
    // A receive may bring half of what it could.
    const auto receives =
        static_cast<Nanos>(2 * request_bytes / world_.options().backend.recv_buffer_bytes);
    const Nanos turns = receives * kTurnMin * (world_.workers() - 1);
    if (network.faults.pause_recv > 0) {
        return request_bytes + answer_bytes < kShort
                   ? kPausesLast + 20 * network.latency_max + journeys * turn + turns
                   : kNever;
    }
    return kWork + journeys * (network.latency_max + turn) + turns;
}

Nanos Client::pause(Nanos about) {
    return about == 0 ? 0 : random_.between<Nanos>(0, about);
}

void Client::start() {
    auto seal = world_.options().sealed ? std::make_unique<test::XorClient>(random_.next())
                                        : std::unique_ptr<test::XorClient>();
    peer_ = std::make_unique<ClientPeer>(world_.network(), world_.endpoint(), std::move(seal));
    peer_->on_change([this] { on_change(); });
    if (plan_.manner == Manner::vanishes) {
        world_.network().after(plan_.vanish_after, [this] {
            if (!done_) {
                vanished_ = true;
                plan_.vanish_by_reset ? peer_->reset() : peer_->close();
                finish();
            }
        });
    }
}

void Client::on_change() {
    if (done_) {
        return;
    }
    if (peer_->connected()) {
        if (!write_scheduled_) {
            write_on();
        }
        if (!read_scheduled_ && !done_) {
            read_on();
        }
    } else if (peer_->status() != Status::ok) {
        // What arrived before the break can still be read, unless the system dropped it.
        input_ += peer_->read();
        take_responses();
        on_end();
    }
}

bool Client::cutting(std::size_t step) const {
    return step + 1 == plan_.steps.size() &&
           (plan_.manner == Manner::cuts || plan_.manner == Manner::cuts_and_ends);
}

// A request that is cut in its first line has no log line that can be found.
std::string Client::sent_id(std::size_t step) const {
    const std::string& bytes = plan_.steps[step].bytes;
    const bool sent = bytes.find("\r\n", 2) < bytes_of(step);
    return sent ? plan_.steps[step].id : std::string();
}

std::size_t Client::bytes_of(std::size_t step) const {
    return cutting(step) ? plan_.cut_at : plan_.steps[step].bytes.size();
}

void Client::write_on() {
    while (!done_ && peer_->unsent() == 0) {
        const bool silent = plan_.manner == Manner::silent;
        if (silent || writing_ == plan_.steps.size()) {
            if (plan_.manner == Manner::babbles && peer_->connected()) {
                peer_->write(std::string(kBabbleBytes, 'B'));
                write_scheduled_ = true;
                world_.network().after(kBabblePause, [this] {
                    write_scheduled_ = false;
                    on_change();
                });
            }
            return;
        }
        if (over_ && plan_.manner != Manner::babbles) {
            return;  // the server will not read it
        }
        if (written_ == 0 && writing_ - std::min(writing_, responses_) >= plan_.pipelined_max) {
            return;
        }
        const std::size_t left = bytes_of(writing_) - written_;
        const std::size_t size = std::min(
            left, plan_.write_max == SIZE_MAX ? SIZE_MAX
                                              : random_.between<std::size_t>(1, plan_.write_max));
        if (written_ == 0) {
            head_begun_at_ = world_.now();
            begun_.push_back(head_begun_at_);
        }
        const std::string& bytes = plan_.steps[writing_].bytes;
        peer_->write(std::string_view(bytes).substr(written_, size));
        written_ += size;
        if (written_ == bytes_of(writing_)) {
            written_ = 0;
            ++writing_;
            asked_at_ = world_.now();
            if (writing_ == plan_.steps.size() &&
                (plan_.manner == Manner::half_closes || plan_.manner == Manner::cuts_and_ends)) {
                peer_->shutdown_write();
                shut_at_ = world_.now();
                return;
            }
        }
        if (plan_.write_pause > 0) {
            write_scheduled_ = true;
            world_.network().after(pause(plan_.write_pause), [this] {
                write_scheduled_ = false;
                on_change();
            });
            return;
        }
    }
}

void Client::read_on() {
    if (plan_.manner == Manner::stalls && read_total_ >= plan_.stall_at) {
        return;
    }
    const std::string bytes = peer_->read(plan_.read_max);
    if (!bytes.empty()) {
        if (input_.empty()) {
            answered_at_ = world_.now();
        }
        last_byte_at_ = world_.now();
        read_total_ += bytes.size();
        input_ += bytes;
        take_responses();
        if (done_) {
            return;
        }
        if (!write_scheduled_) {
            write_on();
        }
    }
    if (peer_->eof()) {
        saw_eof_ = true;
        on_end();
        return;
    }
    if (plan_.read_max != SIZE_MAX && !bytes.empty()) {
        read_scheduled_ = true;
        const Nanos took = static_cast<Nanos>(bytes.size()) * plan_.read_pause_per_byte;
        world_.network().after(took, [this] {
            read_scheduled_ = false;
            on_change();
        });
    }
}

void Client::take_responses() {
    while (!done_ && take_response()) {
    }
    if (!done_ && plan_.manner == Manner::closes && responses_ == plan_.steps.size()) {
        peer_->close();
        finish();
    }
}

void Client::object(const std::string& what) {
    if (objections_.empty()) {
        objections_ = "response " + std::to_string(responses_) + ": " + what;
    }
}

// Takes one whole response from the input; false when there is none.
bool Client::take_response() {
    const std::size_t end = input_.find("\r\n\r\n");
    if (end == std::string::npos) {
        return false;
    }
    Response response;
    response.head = input_.substr(0, end + 2);
    if (!response.head.starts_with("HTTP/1.1 ")) {
        object("no status line");
        finish();
        return false;
    }
    response.status = std::stoi(response.head.substr(9, 3));
    const bool asked = responses_ < plan_.steps.size();
    if (response.status == 100) {
        if (!asked || !plan_.steps[responses_].expected.interim) {
            object("a 100 that nobody asked for");
        }
        input_.erase(0, end + 4);
        return true;
    }
    // What comes when a head or a body stays away for too long, or ends too early.
    const bool refusal = (response.status == 408 || response.status == 400) &&
                         field(response.head, "Connection") == "close" &&
                         responses_ + 1 == plan_.steps.size() && cutting(responses_);
    bool no_body = asked && plan_.steps[responses_].expected.no_body_in(response.status);
    if (refusal) {
        const std::string sent = plan_.steps[responses_].bytes.substr(0, plan_.cut_at);
        no_body = sent.starts_with("HEAD ") || sent.starts_with("\r\nHEAD ");
    }
    const std::string length = field(response.head, "Content-Length");
    const std::size_t size = no_body || length.empty() ? 0 : std::stoull(length);
    if (input_.size() < end + 4 + size) {
        return false;
    }
    response.body = input_.substr(end + 4, size);
    input_.erase(0, end + 4 + size);
    judge(response, refusal);
    ++responses_;
    return true;
}

// Compares a whole response with what the next request in turn asked for.
void Client::judge(const Response& response, bool refusal) {
    const bool asked = responses_ < plan_.steps.size();
    last_status_ = response.status;
    if (over_) {
        object("a response after the last");
    }
    over_ = field(response.head, "Connection") == "close";
    if (asked && responses_ < begun_.size()) {
        answers_.push_back({sent_id(responses_), response.status, response.body.size(), true,
                            plan_.pipelined_max == 1, begun_[responses_], world_.now()});
        if (!world_.date_is_true(field(response.head, "Date"), begun_[responses_], world_.now())) {
            object("dated " + field(response.head, "Date"));
        }
    }
    if (refusal && writing_ == plan_.steps.size()) {
        extra_ = true;
        const int wanted = plan_.manner == Manner::cuts ? 408 : 400;
        if (response.status != wanted && asked &&
            plan_.steps[responses_].expected.status != response.status) {
            object("status " + std::to_string(response.status) + " for what was cut");
        }
        return;
    }
    if (!asked) {
        // Babble is not a request.
        if (plan_.manner != Manner::babbles || response.status / 100 != 4 || !over_) {
            object("a response too many");
        }
        return;
    }
    if (responses_ >= writing_ + (written_ > 0 ? 1 : 0)) {
        object("a response before its request");
        return;
    }
    const Step& step = plan_.steps[responses_];
    const Span span{begun_[responses_], world_.now()};
    const std::string wrong = complaint(step.expected, response, span);
    if (!wrong.empty() && response.status == 503 && over_) {
        unavailable_ = wrong;
    } else if (!wrong.empty()) {
        object(wrong);
    }
    note_lateness(step, response);
}

// How long the disk may take for what is asked for: a read for each range that begins, for each
// 64 KiB, and for what is read again.
Nanos Client::disk_time(const Expected& expected, std::size_t answer_bytes) const {
    const SimOptions& network = world_.network().options();
    if (expected.file == nullptr || (network.faults.file_cold == 0 && !world_.options().sealed)) {
        return 0;
    }
    const std::size_t reads =
        2 + expected.ranges.size() + expected.parts.size() + answer_bytes / 65536;
    return static_cast<Nanos>(reads) * network.disk_latency_max;
}

// Notes how late the answer began and, if the client reads as fast as it can, how late it ended.
void Client::note_lateness(const Step& step, const Response& response) {
    const bool changes = step.expected.file != nullptr && step.expected.file->history != nullptr;
    if (responses_ >= writing_ || plan_.pipelined_max != 1 || step.expected.interim || changes) {
        return;
    }
    const auto late = [&](Nanos at, std::size_t answer_bytes) {
        const Nanos allowed = due(step.bytes.size(), answer_bytes);
        const Nanos load = step.expected.may_be_503 ? kLoad : 0;
        const Nanos disk = disk_time(step.expected, answer_bytes);
        return allowed == kNever ? 0 : at - asked_at_ - allowed - load - disk;
    };
    Nanos by = 0;
    if (plan_.read_max == SIZE_MAX) {
        by = std::max(late(answered_at_, 0), late(world_.now(), response.body.size()));
    } else {
        // It may be pausing when the answer begins.
        by = late(answered_at_, 0) - static_cast<Nanos>(plan_.read_max) * plan_.read_pause_per_byte;
    }
    Nanos& latest = responses_ == 0 ? latest_first_ : latest_;
    latest = std::max(latest, by);
}

std::vector<Answer> Client::answers() const {
    std::vector<Answer> answers = answers_;
    const std::size_t end = input_.find("\r\n\r\n");
    if (end != std::string::npos && responses_ < begun_.size() && input_.starts_with("HTTP/1.1 ") &&
        !input_.starts_with("HTTP/1.1 100 ")) {
        answers.push_back({sent_id(responses_), std::stoi(input_.substr(9, 3)),
                           input_.size() - end - 4, false, false, begun_[responses_], kNever});
    }
    return answers;
}

// The server's end of the connection was seen, or the connection broke.
void Client::on_end() {
    ended_at_ = world_.now();
    if (!peer_->closed() && peer_->status() == Status::ok) {
        peer_->close();
    }
    finish();
}

void Client::finish() {
    done_ = true;
}

// What has come of a response without an end; status 0 when not even its head has come.
Response Client::begun_response() const {
    Response rest;
    rest.whole = false;
    const std::size_t end = input_.find("\r\n\r\n");
    if (end != std::string::npos && responses_ < begun_.size()) {
        rest.head = input_.substr(0, end + 2);
        rest.status = std::stoi(rest.head.substr(9, 3));
        rest.body = input_.substr(end + 4);
    }
    return rest;
}

std::string Client::verdict(const Excuses& excuses) const {
    if (!objections_.empty()) {
        return objections_;
    }
    if (!unavailable_.empty() && !excuses.memory) {
        return unavailable_;
    }
    if (!started() || vanished_) {
        return "";
    }
    const bool broken = peer_->status() != Status::ok;
    const bool stalls = plan_.manner == Manner::stalls;
    if (!done_ && !stalls) {
        return "the connection was never ended";
    }
    const Response rest = begun_response();
    Span span;
    if (responses_ < begun_.size()) {
        span = {begun_[responses_], ended_at_ < 0 ? world_.now() : ended_at_};
    }
    const bool refusal =
        rest.status == 0 || rest.status == 408 || rest.status == 400 || rest.status == 100;
    if (!refusal) {
        const std::string wrong = complaint(plan_.steps[responses_].expected, rest, span);
        if (!wrong.empty()) {
            return "a cut response: " + wrong;
        }
    }
    if (stalls || (excuses.network && broken) || excuses.stopped || excuses.memory) {
        return "";
    }
    if (excuses.refused && responses_ == 0 && input_.empty()) {
        return "";
    }
    // What is sent beyond the last response may cost that response its end: babble is answered with
    // a reset.
    const bool reset_is_own_fault =
        broken && (plan_.manner == Manner::babbles || (over_ && responses_ < writing_));
    if (responses_ < begun_.size() && may_be_cut(plan_.steps[responses_].expected, rest, span)) {
        return "";
    }
    // The reset after a later response that is cut also destroys earlier ones that are still on
    // their way.
    for (std::size_t step = responses_ + 1; broken && step < begun_.size(); ++step) {
        if (may_be_cut(plan_.steps[step].expected, Response{}, {begun_[step], span.to})) {
            return "";
        }
    }
    if (!input_.empty() && !reset_is_own_fault) {
        return "the last response was cut";
    }
    return end_verdict(excuses, reset_is_own_fault);
}

// The verdict on a connection whose last response is whole.
std::string Client::end_verdict(const Excuses& excuses, bool reset_is_own_fault) const {
    const bool broken = peer_->status() != Status::ok;
    // Nothing keeps the server from closing once it has said all.
    const bool at_once = (over_ || plan_.manner == Manner::half_closes) &&
                         plan_.read_max == SIZE_MAX;  // a slow reader sees the end late
    if (at_once && saw_eof_ && ended_at_ - std::max(last_byte_at_, shut_at_) > due(0, 0)) {
        return "the end came late";
    }
    if (const Nanos late = std::max(latest_, excuses.crowded ? 0 : latest_first_); late > 0) {
        return "an answer came " + std::to_string(late / kMicrosecond) + " us late";
    }
    if (over_ || extra_ || reset_is_own_fault) {
        return "";
    }
    const bool cut = plan_.manner == Manner::cuts || plan_.manner == Manner::cuts_and_ends;
    const std::size_t wanted = plan_.manner == Manner::silent ? 0
                               : cut                          ? plan_.steps.size() - 1
                                                              : plan_.steps.size();
    // A request may be on the way when its connection is closed.
    const bool cut_short = excuses.drained || excuses.gave_way;
    if (responses_ < wanted && !cut_short) {
        return "responses are missing";
    }
    if (broken && plan_.manner != Manner::babbles && !cut_short) {
        return "the server reset the connection";
    }
    return "";
}

}  // namespace sluice::sim
