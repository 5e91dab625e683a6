#include "bench/load/tally.h"

#include <algorithm>
#include <numeric>

namespace sluice::load {

namespace {

struct Words {
    std::string_view name;
    std::string_view text;
};

constexpr std::array<Words, kFailures> kFailureWords = {{
    {"connect_refused", "connection refused"},
    {"connect_timed_out", "connecting timed out"},
    {"connect_unreachable", "no route to the server"},
    {"connect_no_ports", "no local port was free"},
    {"connect_no_descriptors", "out of file descriptors"},
    {"connect_other", "connecting failed"},
    {"reset", "connection reset before the answer was complete"},
    {"closed_early", "connection closed before the answer was complete"},
    {"timed_out", "no complete answer in time"},
    {"not_http", "the bytes received are no HTTP answer"},
    {"never_sent", "never sent"},
    {"body_differs", "the body is not the expected one"},
    {"unasked", "bytes came that nobody had asked for"},
}};

constexpr std::array<Words, kCloses> kCloseWords = {{
    {"by_us", "closed by us"},
    {"by_server_announced", "closed by the server, as it had announced"},
    {"by_server_idle", "closed by the server between requests"},
    {"by_server_outstanding", "closed by the server with an answer outstanding"},
    {"reset_idle", "reset between requests"},
    {"reset_outstanding", "reset with an answer outstanding"},
}};

template <typename T, std::size_t N>
void add(std::array<T, N>& to, const std::array<T, N>& from) noexcept {
    std::transform(to.begin(), to.end(), from.begin(), to.begin(), std::plus<T>());
}

// The members in one place, so that merge() and clear() cannot forget one.
template <typename Self, typename Do>
void each_histogram(Self& tally, Do&& one) noexcept {
    for (auto& place : tally.service) {
        for (auto& status_class : place) {
            for (auto& histogram : status_class) {
                one(histogram);
            }
        }
    }
    for (auto* histogram : {&tally.response, &tally.lateness, &tally.own_lateness, &tally.paused,
                            &tally.response_unpaused, &tally.service_unpaused, &tally.first_byte,
                            &tally.transfer, &tally.write_waited, &tally.connect,
                            &tally.connect_retransmitted, &tally.kernel_rtt, &tally.accept_wait}) {
        one(*histogram);
    }
}

constexpr std::size_t kHistograms = Tally::kPlaces * Tally::kClasses * Tally::kReadKinds + 13;

}  // namespace

std::string_view to_string(Failure failure) {
    return kFailureWords[static_cast<std::size_t>(failure)].text;
}
std::string_view to_string(Close close) {
    return kCloseWords[static_cast<std::size_t>(close)].text;
}
std::string_view name_of(Failure failure) {
    return kFailureWords[static_cast<std::size_t>(failure)].name;
}
std::string_view name_of(Close close) {
    return kCloseWords[static_cast<std::size_t>(close)].name;
}

void Tally::merge(const Tally& other) noexcept {
    std::array<const Histogram*, kHistograms> from{};
    std::size_t i = 0;
    each_histogram(other, [&](const Histogram& histogram) { from[i++] = &histogram; });
    i = 0;
    each_histogram(*this, [&](Histogram& histogram) { histogram.merge(*from[i++]); });
    add(status, other.status);
    add(failures, other.failures);
    add(closes, other.closes);
    writes_at_once += other.writes_at_once;
    body_bytes += other.body_bytes;
    received_bytes += other.received_bytes;
    sent_bytes += other.sent_bytes;
    requests_sent += other.requests_sent;
    requests_paused += other.requests_paused;
    answers_after_end += other.answers_after_end;
    in_flight_ns += other.in_flight_ns;
    under_way_ns += other.under_way_ns;
}

void Tally::clear() noexcept {
    each_histogram(*this, [](Histogram& histogram) { histogram.clear(); });
    status = {};
    failures = {};
    closes = {};
    writes_at_once = body_bytes = received_bytes = sent_bytes = 0;
    requests_sent = requests_paused = answers_after_end = 0;
    in_flight_ns = under_way_ns = 0;
}

std::uint64_t Tally::connects_failed() const {
    return std::accumulate(failures.begin(), failures.begin() + kFirstRequestFailure,
                           std::uint64_t{0});
}

std::uint64_t Tally::requests_failed() const {
    return std::accumulate(failures.begin() + kFirstRequestFailure, failures.begin() + kFirstOther,
                           std::uint64_t{0});
}

std::uint64_t Tally::class_count(std::size_t status_class) const {
    std::uint64_t sum = 0;
    for (const auto& place : service) {
        for (const Histogram& histogram : place[status_class - 1]) {
            sum += histogram.count();
        }
    }
    return sum;
}

Histogram Tally::service_all() const {
    Histogram all = service_of_place(kFirst);
    all.merge(service_of_place(kLater));
    return all;
}

Histogram Tally::service_of_place(Place place) const {
    Histogram sum;
    for (const auto& status_class : service[place]) {
        for (const Histogram& histogram : status_class) {
            sum.merge(histogram);
        }
    }
    return sum;
}

Histogram Tally::service_of_class(std::size_t status_class) const {
    Histogram sum;
    for (const auto& place : service) {
        for (const Histogram& histogram : place[status_class - 1]) {
            sum.merge(histogram);
        }
    }
    return sum;
}

Histogram Tally::first_byte_all() const {
    Histogram sum;
    sum.merge(first_byte);
    for (const auto& place : service) {
        for (const auto& status_class : place) {
            sum.merge(status_class[kOneRead]);
        }
    }
    return sum;
}

Histogram Tally::transfer_all() const {
    Histogram sum;
    sum.merge(transfer);
    const std::uint64_t whole = answers() - transfer.count();
    if (whole > 0) {
        sum.record(0, whole);
    }
    return sum;
}

}  // namespace sluice::load
