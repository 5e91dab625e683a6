#include "bench/load/tally.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace sluice::load {

namespace {

// Visits every number of a tally. A member that is added to it and not here does not compile.
template <typename Self, typename Visit>
void each(Self& tally, Visit&& visit) {
    auto& [service, response, lateness, own_lateness, paused, requests_paused, response_unpaused,
           service_unpaused, first_byte, transfer, write_waited, writes_at_once, connect,
           connect_retransmitted, kernel_rtt, accept_wait, status, failures, closes, body_bytes,
           received_bytes, sent_bytes, requests_sent, answers_after_end, in_flight_ns,
           under_way_ns] = tally;
    for (auto& place : service) {
        for (auto& status_class : place) {
            for (auto& histogram : status_class) {
                visit(histogram);
            }
        }
    }
    for (auto* histogram : {&response, &lateness, &own_lateness, &paused, &response_unpaused,
                            &service_unpaused, &first_byte, &transfer, &write_waited, &connect,
                            &connect_retransmitted, &kernel_rtt, &accept_wait}) {
        visit(*histogram);
    }
    const auto visit_all = [&](auto& list) {
        for (auto& one : list) {
            visit(one);
        }
    };
    visit_all(status);
    visit_all(failures);
    visit_all(closes);
    for (auto* count : {&writes_at_once, &requests_paused, &body_bytes, &received_bytes,
                        &sent_bytes, &requests_sent, &answers_after_end}) {
        visit(*count);
    }
    visit(in_flight_ns);
    visit(under_way_ns);
}

struct Fill {
    std::uint64_t next;
    void operator()(Histogram& histogram) { histogram.record(1000, next++); }
    void operator()(auto& number) {
        number = static_cast<std::remove_cvref_t<decltype(number)>>(next++);
    }
};

struct Read {
    std::vector<std::uint64_t> numbers;
    void operator()(const Histogram& histogram) { numbers.push_back(histogram.count()); }
    void operator()(const auto& number) { numbers.push_back(static_cast<std::uint64_t>(number)); }
};

std::vector<std::uint64_t> numbers(const Tally& tally) {
    Read read;
    each(tally, read);
    return read.numbers;
}

}  // namespace

TEST(Tally, MergingAddsEveryNumber) {
    Tally one;
    Tally other;
    each(one, Fill{1});
    each(other, Fill{100'000});
    const std::vector<std::uint64_t> mine = numbers(one);
    const std::vector<std::uint64_t> theirs = numbers(other);
    one.merge(other);
    const std::vector<std::uint64_t> both = numbers(one);
    ASSERT_EQ(both.size(), mine.size());
    for (std::size_t i = 0; i < both.size(); ++i) {
        EXPECT_EQ(both[i], mine[i] + theirs[i]) << "the number at " << i;
    }
    EXPECT_EQ(numbers(other), theirs);
}

TEST(Tally, EachRequestIsInOneCount) {
    Tally tally;
    for (std::size_t i = 0; i < kFailures; ++i) {
        tally.failures[i] = std::uint64_t{1} << i;
    }
    std::uint64_t requests = 0;
    for (const Failure why : {Failure::reset, Failure::closed_early, Failure::timed_out,
                              Failure::not_http, Failure::never_sent}) {
        requests += tally.failed(why);
    }
    EXPECT_EQ(tally.requests_failed(), requests);  // a wrong body is an answer
    EXPECT_EQ(tally.connects_failed(), tally.failed(Failure::reset) - 1);
}

TEST(Tally, ClearingForgetsEveryNumber) {
    Tally tally;
    each(tally, Fill{1});
    tally.clear();
    EXPECT_EQ(numbers(tally), std::vector<std::uint64_t>(numbers(tally).size(), 0));
}

}  // namespace sluice::load
