// Client: one simulated client that plays a script against the server, at its own pace and with its
// own manners, and judges what it gets.
//
// WHAT IT CHECKS. Every response as it completes: against the expectation of the request whose turn
// it is. At the end: that nothing is missing, unless the client itself, the network or the end of
// the server is to blame; that what was cut was cut by the end of the connection; that nothing came
// that was not asked for.
//
// OWNERSHIP AND THREADS. The test owns clients; they live as long as the network runs events.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/client_peer.h"
#include "tests/sim/script.h"
#include "tests/sim/world.h"

namespace sluice::sim {

// What the client does when its script is over, or instead of it.
enum class Manner : std::uint8_t {
    closes,         // when everything has arrived
    half_closes,    // as soon as everything is sent, and reads on
    stays,          // until the server closes
    cuts,           // stops in the middle of the last request and waits
    cuts_and_ends,  // the same, and finishes its direction
    silent,         // connects and says nothing
    vanishes,       // closes or resets at some time
    stalls,         // stops reading at some time, for ever
    babbles,        // goes on sending whatever the server says
};

struct ClientPlan {
    Nanos start = 0;
    Manner manner = Manner::closes;
    std::vector<Step> steps;
    std::size_t pipelined_max = 1;     // requests on the way
    std::size_t write_max = SIZE_MAX;  // bytes written at once
    Nanos write_pause = 0;
    std::size_t read_max = SIZE_MAX;  // bytes read at once
    Nanos read_pause_per_byte = 0;
    std::size_t cut_at = 0;  // of the last request, when it is cut
    Nanos vanish_after = 0;
    bool vanish_by_reset = false;
    std::size_t stall_at = 0;  // bytes read
};

// One response as the client saw it, for comparing with the server's log.
struct Answer {
    std::string id;  // Step::id
    int status = 0;
    std::uint64_t body_bytes = 0;
    bool whole = true;  // else its end never came
    bool alone = true;  // nothing else left with it, so its end was the end of a send
    Nanos from = 0;     // its request was begun
    Nanos to = 0;       // its last byte was read
};

class Client {
  public:
    Client(World& world, ClientPlan plan, std::uint64_t seed);
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // The client itself will do nothing more.
    [[nodiscard]] bool done() const { return done_; }
    [[nodiscard]] bool started() const { return peer_ != nullptr; }
    [[nodiscard]] std::size_t responses() const { return responses_; }
    [[nodiscard]] std::string describe() const;

    struct Excuses {
        bool network = false;   // the network breaks connections
        bool crowded = false;   // connections had to wait until they were accepted
        bool refused = false;   // connections found no slot or no listener
        bool gave_way = false;  // idle connections were closed for others
        bool drained = false;   // the server was drained before the client was done
        bool stopped = false;   // and at last stopped in the middle
        bool memory = false;    // the server had too little
    };
    // To be asked when the server is finished. Empty when all is well.
    [[nodiscard]] std::string verdict(const Excuses& excuses) const;

    // Every response that began to arrive.
    [[nodiscard]] std::vector<Answer> answers() const;
    // When the last byte arrived, and when the server's end of the connection was seen.
    [[nodiscard]] Nanos last_byte_at() const { return last_byte_at_; }
    [[nodiscard]] Nanos ended_at() const { return ended_at_; }
    [[nodiscard]] Nanos head_begun_at() const { return head_begun_at_; }
    [[nodiscard]] const ClientPlan& plan() const { return plan_; }
    [[nodiscard]] int last_status() const { return last_status_; }
    [[nodiscard]] bool saw_eof() const { return saw_eof_; }

  private:
    void start();
    void on_change();
    void write_on();
    void read_on();
    void take_responses();
    [[nodiscard]] bool take_response();
    void judge(const Response& response, bool refusal);
    [[nodiscard]] Nanos due(std::size_t request_bytes, std::size_t answer_bytes) const;
    [[nodiscard]] Nanos disk_time(const Expected& expected, std::size_t answer_bytes) const;
    void note_lateness(const Step& step, const Response& response);
    void on_end();
    void finish();
    void object(const std::string& what);
    [[nodiscard]] bool cutting(std::size_t step) const;
    [[nodiscard]] Response begun_response() const;
    [[nodiscard]] std::string end_verdict(const Excuses& excuses, bool reset_is_own_fault) const;
    [[nodiscard]] std::size_t bytes_of(std::size_t step) const;
    [[nodiscard]] std::string sent_id(std::size_t step) const;
    [[nodiscard]] Nanos pause(Nanos about);

    World& world_;
    const ClientPlan plan_;
    SimRandom random_;
    std::unique_ptr<ClientPeer> peer_;
    std::string input_;
    std::size_t writing_ = 0;    // step that is being written
    std::size_t written_ = 0;    // of it
    std::size_t responses_ = 0;  // complete ones
    std::vector<Nanos> begun_;   // when each step was begun
    std::vector<Answer> answers_;
    std::size_t read_total_ = 0;
    std::string objections_;
    std::string unavailable_;  // a refusal that only a lack of memory can explain
    Nanos asked_at_ = -1;      // the request that is waited for is written
    Nanos answered_at_ = -1;   // the first byte of its answer was seen
    Nanos latest_ = 0;         // by how much an answer missed its time, see due()
    Nanos latest_first_ = 0;   // the same of the connection's first answer
    bool write_scheduled_ = false;
    bool read_scheduled_ = false;
    bool over_ = false;   // a response announced the close
    bool extra_ = false;  // a refusal of what was cut
    bool saw_eof_ = false;
    bool vanished_ = false;
    bool done_ = false;
    int last_status_ = 0;
    Nanos last_byte_at_ = -1;
    Nanos ended_at_ = -1;
    Nanos shut_at_ = -1;
    Nanos head_begun_at_ = -1;
};

}  // namespace sluice::sim
