#include "backends/registry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace sluice {

TEST(Registry, ReportsEveryBackendAndWhatItCanDo) {
    const auto reports = probe_backends();
    ASSERT_FALSE(reports.empty());
    for (const BackendReport& report : reports) {
        EXPECT_FALSE(report.detail.empty()) << report.name;  // capabilities, or why not
    }
}

TEST(Registry, AutoTakesTheFirstThatWorksAndSaysWhy) {
    const auto reports = probe_backends();
    const auto chosen = choose_backend("auto");
    ASSERT_TRUE(chosen) << chosen.error().what;
    const auto first = std::ranges::find_if(reports, &BackendReport::available);
    ASSERT_NE(first, reports.end());
    EXPECT_EQ(chosen->factory->name(), first->name);
    EXPECT_FALSE(chosen->why.empty());
    if (!reports[0].available) {
        EXPECT_NE(chosen->why.find(reports[0].detail), std::string::npos);
    }
}

TEST(Registry, ANameIsStrict) {
    for (const BackendReport& report : probe_backends()) {
        const auto chosen = choose_backend(report.name);
        ASSERT_EQ(chosen.has_value(), report.available);
        if (chosen) {
            EXPECT_EQ(chosen->factory->name(), report.name);
        } else {
            EXPECT_NE(chosen.error().what.find(report.detail), std::string::npos);
        }
    }
}

TEST(Registry, AnUnknownNameListsWhatThereIs) {
    for (const char* name : {"", "kqueue", "sim", "Epoll", "epoll "}) {
        const auto chosen = choose_backend(name);
        ASSERT_FALSE(chosen) << name;
        EXPECT_EQ(chosen.error().status, Status::not_supported);
        EXPECT_NE(chosen.error().what.find("auto"), std::string::npos);
        for (const BackendReport& report : probe_backends()) {
            EXPECT_NE(chosen.error().what.find(report.name), std::string::npos);
        }
    }
}

TEST(Registry, WhatIsChosenListens) {
    const auto chosen = choose_backend("auto");
    ASSERT_TRUE(chosen);
    auto backend = chosen->factory->create(BackendLimits{.slots = 4, .recv_buffers = 4});
    ASSERT_TRUE(backend) << backend.error().what;
    const auto id = (*backend)->listen(*Endpoint::parse("127.0.0.1:0"), ListenOptions{});
    ASSERT_TRUE(id) << id.error().what;
    EXPECT_NE((*backend)->local(*id)->port, 0);
}

TEST(Registry, EveryVariantHasItsNameAndWorks) {
    std::set<std::string> names;
    for (const BackendVariant& variant : backend_variants()) {
        EXPECT_TRUE(names.insert(variant.name).second) << variant.name;
        EXPECT_TRUE(variant.name.starts_with(variant.factory->name()));
        const auto backend = variant.factory->create(BackendLimits{.slots = 4, .recv_buffers = 4});
        EXPECT_TRUE(backend) << variant.name << ": " << backend.error().what;
    }
    for (const BackendReport& report : probe_backends()) {
        EXPECT_EQ(names.contains(std::string(report.name)), report.available) << report.name;
    }
}

}  // namespace sluice
