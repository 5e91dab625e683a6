#include "serve/options.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace sluice {
namespace {

using Texts = std::vector<std::string>;

std::map<std::string_view, Texts> all_of(const ServeConfig& config) {
    std::map<std::string_view, Texts> texts;
    for (const ServeOption& option : serve_options()) {
        texts[option.name] = option.get(config);
    }
    return texts;
}

// A value that is not the default.
Texts another(const ServeOption& option) {
    static const std::map<std::string_view, Texts> values = {
        {"N", {"7"}},
        {"SIZE", {"12345"}},
        {"TIME", {"77s"}},
        {"ADDR", {"127.0.0.1:9", "unix:/s"}},
        {"EXT=TYPE", {"x=text/x", "y=text/y"}},
        {"FILE", {"f"}},
    };
    if (option.type.empty()) {
        return {option.get(ServeConfig{}).front() == "true" ? "false" : "true"};
    }
    if (option.type == "NAME") {  // the last one listed in the help
        return {option.help.substr(option.help.rfind(' ') + 1)};
    }
    return values.at(option.type);
}

TEST(ServeOptions, AreDescribedOnce) {
    std::set<std::string_view> names;
    for (const ServeOption& option : serve_options()) {
        EXPECT_TRUE(names.insert(option.name).second) << option.name;
        EXPECT_FALSE(option.help.empty()) << option.name;
    }
}

TEST(ServeOptions, WhatIsShownCanBeSet) {
    ServeConfig config;
    const auto before = all_of(config);
    for (const ServeOption& option : serve_options()) {
        const Texts shown = option.get(config);
        if (!shown.empty()) {
            EXPECT_TRUE(option.set(config, shown)) << option.name;
        }
    }
    EXPECT_EQ(all_of(config), before);
}

TEST(ServeOptions, EachSetsItselfAlone) {
    for (const ServeOption& option : serve_options()) {
        ServeConfig config;
        auto wanted = all_of(config);
        const Texts value = another(option);
        EXPECT_NE(wanted[option.name], value) << option.name;
        ASSERT_TRUE(option.set(config, value)) << option.name;
        wanted[option.name] = value;
        EXPECT_EQ(all_of(config), wanted) << option.name;
    }
}

TEST(ServeOptions, WhatIsNoValueChangesNothing) {
    for (const ServeOption& option : serve_options()) {
        ServeConfig config;
        const auto before = all_of(config);
        EXPECT_FALSE(option.set(config, Texts{""})) << option.name;
        if (option.is_list) {
            Texts values = another(option);
            values.emplace_back("");
            EXPECT_FALSE(option.set(config, values)) << option.name;
        }
        EXPECT_EQ(all_of(config), before) << option.name;
    }
}

}  // namespace
}  // namespace sluice
