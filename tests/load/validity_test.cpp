// Each rule by itself: a run without fault, and what breaks it.
#include "bench/load/validity.h"

#include <gtest/gtest.h>

#include <functional>

namespace sluice::load {

namespace {

constexpr std::uint64_t kAnswers = 10'000;

// 10,000 answers in 10 s, each after 1 ms: on average one request is in flight.
struct Case {
    Plan plan;
    Outcome outcome;

    explicit Case(bool open_loop = true) {
        if (open_loop) {
            plan.rate = {{1000, 1000, 10 * kSecond}};
        }
        plan.servers.emplace_back();
        Tally& total = outcome.total;
        total.response.record(kMillisecond, kAnswers);
        total.service[Tally::kLater][1][Tally::kOneRead].record(kMillisecond, kAnswers);
        total.response_unpaused.record(kMillisecond, kAnswers);
        total.service_unpaused.record(kMillisecond, kAnswers);
        total.lateness.record(20 * kMicrosecond, kAnswers);
        total.own_lateness.record(20 * kMicrosecond, kAnswers);
        total.connect.record(50 * kMicrosecond, 64);
        total.in_flight_ns = total.under_way_ns = 10 * kSecond;
        outcome.window = 10 * kSecond;
        outcome.offered = 10'000;
        outcome.threads.push_back({.cpu = 4 * kSecond,
                                   .waited = 0,
                                   .wall = 10 * kSecond,
                                   .ended_at = 0,
                                   .backend = "epoll",
                                   .failure = ""});
        outcome.network = NetCounters{};
        outcome.ports = Ports{32'768, 60'999, 100};
    }
    [[nodiscard]] Level level(const std::string& name) const {
        for (const Finding& finding : judge(plan, outcome).findings) {
            if (finding.name == name) {
                return finding.level;
            }
        }
        ADD_FAILURE() << "no finding " << name;
        return Level::ok;
    }
};

void expect(const std::string& name, Level level, bool open_loop,
            const std::function<void(Case&)>& change) {
    Case one(open_loop);
    change(one);
    EXPECT_EQ(one.level(name), level) << name;
    EXPECT_EQ(judge(one.plan, one.outcome).valid(), level != Level::invalid) << name;
}

void fail_requests(Case& one, Failure why, std::uint64_t count) {
    one.outcome.total.failures[static_cast<std::size_t>(why)] = count;
}

}  // namespace

TEST(Validity, NothingSpeaksAgainstAGoodRun) {
    for (const bool open_loop : {false, true}) {
        const Case one(open_loop);
        for (const Finding& finding : judge(one.plan, one.outcome).findings) {
            EXPECT_EQ(finding.level, Level::ok) << finding.name << ": " << finding.text;
        }
        EXPECT_NEAR(little_residual(one.outcome), 0, 0.001);
    }
}

TEST(Validity, TheRateMustBeKept) {
    const auto offer = [](std::uint64_t offered) {
        return [offered](Case& one) { one.outcome.offered = offered; };
    };
    expect("rate", Level::ok, true, offer(10'150));
    expect("rate", Level::invalid, true, offer(10'250));
    expect("rate", Level::invalid, true, [](Case& one) {
        one.outcome.total.answers_after_end = 1000;  // they came, but too late
    });
}

TEST(Validity, LatenessOfOurOwnMustNotBeMostOfTheLatency) {
    expect("lateness", Level::invalid, true, [](Case& one) {
        one.outcome.total.own_lateness.record(600 * kMicrosecond, kAnswers / 50);
    });
    expect("lateness", Level::invalid, false,
           [](Case& one) { one.outcome.total.lateness.record(600 * kMicrosecond, kAnswers / 50); });
    // Late because no connection was free: the server's fault.
    expect("lateness", Level::ok, true,
           [](Case& one) { one.outcome.total.lateness.record(600 * kMicrosecond, kAnswers); });
}

// These requests waited for the generator; without that they would be like the others.
void pause(Case& one, std::uint64_t requests, Nanos length) {
    Tally& total = one.outcome.total;
    total.paused.record(length);
    total.requests_paused = requests;
    total.response.record(kMillisecond + length, requests);
    total.service[Tally::kLater][1][Tally::kOneRead].record(kMillisecond + length, requests);
    total.response_unpaused.record(kMillisecond, requests);
    total.service_unpaused.record(kMillisecond, requests);
}

TEST(Validity, NoQuantileMayBeTheGeneratorsOwn) {
    // p99.99 of 10,000 is the highest but one.
    expect("pauses", Level::ok, true, [](Case& one) { pause(one, 1, 20 * kMillisecond); });
    expect("pauses", Level::invalid, true, [](Case& one) { pause(one, 5, 20 * kMillisecond); });
    expect("pauses", Level::invalid, false, [](Case& one) { pause(one, 200, 5 * kMillisecond); });
    // Not most of it; or not long enough to matter.
    expect("pauses", Level::ok, true, [](Case& one) { pause(one, 200, 900 * kMicrosecond); });
    // The server was as slow for other requests.
    expect("pauses", Level::ok, true, [](Case& one) {
        pause(one, 100, 20 * kMillisecond);
        one.outcome.total.response.record(30 * kMillisecond, 300);
        one.outcome.total.response_unpaused.record(30 * kMillisecond, 300);
        one.outcome.total.service[Tally::kLater][1][Tally::kOneRead].record(30 * kMillisecond, 300);
        one.outcome.total.service_unpaused.record(30 * kMillisecond, 300);
    });
}

TEST(Validity, AStolenCpuIsNoGenerator) {
    expect("generator", Level::ok, true, [](Case& one) { one.outcome.stolen_share = 0.05; });
    expect("generator", Level::invalid, true, [](Case& one) { one.outcome.stolen_share = 0.2; });
}

TEST(Validity, LittlesLaw) {
    expect("little", Level::invalid, true,
           [](Case& one) { one.outcome.total.in_flight_ns = 11 * kSecond; });
    expect("little", Level::invalid, true,
           [](Case& one) { one.outcome.total.in_flight_ns = 9 * kSecond; });
    expect("little", Level::ok, true,
           [](Case& one) { one.outcome.total.in_flight_ns = 10 * kSecond + kSecond / 4; });
}

TEST(Validity, TheGeneratorMustRun) {
    expect("generator", Level::invalid, true,
           [](Case& one) { one.outcome.threads[0].waited = 2 * kSecond; });
    expect("generator", Level::note, false,
           [](Case& one) { one.outcome.threads[0].cpu = 10 * kSecond; });
    // One of several is enough.
    expect("generator", Level::invalid, true, [](Case& one) {
        one.outcome.threads.push_back(one.outcome.threads[0]);
        one.outcome.threads[1].waited = 2 * kSecond;
    });
}

TEST(Validity, Failures) {
    expect("failures", Level::note, true,
           [](Case& one) { fail_requests(one, Failure::timed_out, 5); });
    expect("failures", Level::invalid, true,
           [](Case& one) { fail_requests(one, Failure::timed_out, 50); });
    expect("failures", Level::invalid, true,
           [](Case& one) { fail_requests(one, Failure::connect_refused, 5); });
    expect("failures", Level::invalid, true,
           [](Case& one) { fail_requests(one, Failure::never_sent, 1); });
    // Of as many answers, some are wrong.
    expect("failures", Level::note, true,
           [](Case& one) { fail_requests(one, Failure::body_differs, 5); });
    expect("failures", Level::invalid, true,
           [](Case& one) { fail_requests(one, Failure::body_differs, 50); });
    expect("ports", Level::note, true, [](Case& one) { one.outcome.ports->time_wait = 27'000; });
}

TEST(Validity, TheEnd) {
    expect("end", Level::invalid, true, [](Case& one) { one.outcome.gave_up = "refused"; });
    expect("end", Level::note, true, [](Case& one) { one.outcome.stopped = true; });
    expect("end", Level::invalid, true, [](Case& one) { one.outcome.total.clear(); });
    expect("end", Level::invalid, true, [](Case& one) { one.outcome.only_warmup = true; });
    // All of them came, but none while it was measured.
    expect("end", Level::invalid, false,
           [](Case& one) { one.outcome.total.answers_after_end = kAnswers; });
}

TEST(Validity, WhatIsOnlyNoted) {
    expect("network", Level::note, true,
           [](Case& one) { one.outcome.network->listen_overflows = 1; });
    expect("network", Level::note, true, [](Case& one) { one.outcome.network->retransmits = 1; });
    expect("status", Level::note, true, [](Case& one) {
        one.outcome.total.response.record(kMillisecond);
        one.outcome.total.service[Tally::kLater][3][Tally::kOneRead].record(kMillisecond);
    });
}

TEST(Validity, ABrokenClock) {
    expect("clock", Level::invalid, true, [](Case& one) { one.outcome.total.response.record(-1); });
    expect("clock", Level::invalid, true,
           [](Case& one) { one.outcome.total.lateness.record(kNever); });
}

TEST(Tally, MergeAddsEverythingAndClearLeavesNothing) {
    const auto full = [] {
        auto tally = std::make_unique<Tally>();
        tally->service[Tally::kFirst][1][Tally::kOneRead].record(10);
        tally->service[Tally::kLater][1][Tally::kSeveralReads].record(30);
        tally->service[Tally::kLater][3][Tally::kOneRead].record(20, 2);
        tally->response.record(40, 4);
        tally->first_byte.record(25);
        tally->transfer.record(5);
        tally->failures[static_cast<std::size_t>(Failure::reset)] = 3;
        tally->failures[static_cast<std::size_t>(Failure::connect_refused)] = 7;
        tally->closes[0] = 2;
        tally->status[200] = 2;
        tally->in_flight_ns = 100;
        tally->requests_sent = 7;
        return tally;
    };
    const auto one = full();
    EXPECT_EQ(one->answers(), 4U);
    EXPECT_EQ(one->requests_failed(), 3U);
    EXPECT_EQ(one->class_count(2), 2U);
    EXPECT_EQ(one->class_count(4), 2U);
    EXPECT_EQ(one->service_all().count(), 4U);
    EXPECT_EQ(one->service_all().max(), 30);
    EXPECT_EQ(one->service_of_place(Tally::kFirst).count(), 1U);
    EXPECT_EQ(one->service_of_class(4).max(), 20);
    // Answers that came whole have their first byte with the last, and nothing to transfer.
    EXPECT_EQ(one->first_byte_all().count(), 4U);
    EXPECT_EQ(one->first_byte_all().max(), 25);
    EXPECT_EQ(one->transfer_all().count(), 4U);
    EXPECT_EQ(one->transfer_all().quantile(0.75), 0);
    EXPECT_EQ(one->transfer_all().max(), 5);

    const auto two = full();
    two->merge(*one);
    EXPECT_EQ(two->answers(), 8U);
    EXPECT_EQ(two->requests_failed(), 6U);
    EXPECT_EQ(two->status[200], 4U);
    EXPECT_EQ(two->closes[0], 4U);
    EXPECT_EQ(two->in_flight_ns, 200);
    EXPECT_EQ(two->requests_sent, 14U);
    EXPECT_EQ(two->service_of_class(4).count(), 4U);
    two->clear();
    EXPECT_EQ(two->answers(), 0U);
    EXPECT_EQ(two->service_all().count(), 0U);
    EXPECT_EQ(two->requests_failed(), 0U);
    EXPECT_EQ(two->status[200], 0U);
    EXPECT_EQ(two->in_flight_ns, 0);
}

}  // namespace sluice::load
