#include "bench/compare/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "bench/compare/servers.h"
#include "bench/compare/workspace.h"
#include "system/path.h"
#include "tests/support/host.h"

namespace sluice::compare {

namespace {

namespace fs = std::filesystem;

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

}  // namespace

TEST(Scenarios, AreChosenByName) {
    const auto usual = choose_scenarios({});
    ASSERT_TRUE(usual.has_value());
    std::set<std::string> names;
    for (const Scenario& one : *usual) {
        EXPECT_TRUE(names.insert(one.name).second) << one.name << " is there twice";
        EXPECT_FALSE(one.name.starts_with("border"));
    }
    EXPECT_THAT(names, AllOf(Contains("page"), Contains("conditional"), Contains("memory")));
    EXPECT_EQ(choose_scenarios({"border"})->size(), 8U);
    EXPECT_EQ(choose_scenarios({"churn", "page"})->front().name, "churn");
    const auto wrong = choose_scenarios({"page", "pgae"});
    ASSERT_FALSE(wrong.has_value());
    EXPECT_THAT(wrong.error().what, AllOf(HasSubstr("'pgae'"), HasSubstr("browser")));
}

// Also where the name of the folder for temporary files holds a Chinese user name.
TEST(Workspace, HoldsWhatTheScenariosAskForAndVanishes) {
    const fs::path former = fs::temp_directory_path();
    const fs::path base = to_path(test::make_temp_directory());
    const fs::path named = base / to_path("张三 é");
    ASSERT_TRUE(fs::create_directory(named));
    test::use_temp_directory(named);
    {
        auto workspace = Workspace::make();
        ASSERT_TRUE(workspace.has_value());
        EXPECT_EQ(to_path(workspace->folder()).parent_path(), named);
        for (const Scenario& scenario : all_scenarios()) {
            if (scenario.parameters.root == "tree" || scenario.status != 200) {
                continue;
            }
            const std::string path =
                scenario.many > 0 ? file_path(scenario.many - 1) : scenario.path;
            const auto root = workspace->root(scenario.parameters.root);
            ASSERT_TRUE(root.has_value());
            const auto file = read_file(*root + (path == "/" ? "/index.html" : path));
            ASSERT_TRUE(file.has_value());
            EXPECT_EQ(file->size(), scenario.body_bytes) << scenario.name;
        }
    }
    test::use_temp_directory(former);
    EXPECT_TRUE(fs::is_empty(named)) << "something is left there";
    EXPECT_EQ(fs::remove_all(base), 2U) << "something is beside it";
}

TEST(Servers, AreNamedWholeOrInPart) {
    EXPECT_TRUE(name_matches("sluice epoll", "sluice"));
    EXPECT_TRUE(name_matches("sluice epoll", "epoll"));
    EXPECT_TRUE(name_matches("sluice epoll", "sluice epoll"));
    EXPECT_FALSE(name_matches("sluice epoll", "io_uring"));
    EXPECT_FALSE(name_matches("floor_epoll", "epoll"));
    EXPECT_TRUE(name_matches("floor_epoll", "floor"));
    EXPECT_FALSE(name_matches("nginx", "ngin"));
}

// Each server is told the root and the port, and logs only when it should.
TEST(Servers, AreAllConfiguredAlike) {
    auto workspace = Workspace::make();
    ASSERT_TRUE(workspace.has_value());
    for (const ServerKind& server : known_servers()) {
        SCOPED_TRACE(server.name);
        LaunchOptions options{.port = 4711, .root = "/the/root", .work = workspace->folder()};
        for (const bool logged : {false, true}) {
            options.log = logged ? "/the/log" : "";
            const auto command = server.launch(options);
            ASSERT_TRUE(command.has_value());
            std::string all;
            for (const std::string& one : command->arguments) {
                all += one + "\n";
            }
            if (!server.ours) {
                all += read_file(options.work + "/4711.conf").value_or("");
            }
            EXPECT_THAT(all,
                        AllOf(HasSubstr("127.0.0.1"), HasSubstr("4711"), HasSubstr("/the/root")));
            EXPECT_THAT(all, logged ? testing::Matcher<std::string>(HasSubstr("/the/log"))
                                    : Not(HasSubstr("/the/log")));
        }
    }
}

TEST(Process, RunsAndWhatItSaysIsKept) {
    auto workspace = Workspace::make();
    ASSERT_TRUE(workspace.has_value());
    auto process =
        Process::start({own_program(), {"--gtest_list_tests"}}, 0, workspace->folder() + "/out");
    ASSERT_TRUE(process.has_value()) << process.error().what;
    EXPECT_TRUE(process->wait(20 * kSecond));
    EXPECT_FALSE(process->running());
    EXPECT_THAT(process->output(), AllOf(HasSubstr("Process."), HasSubstr("Workspace.")));
    EXPECT_FALSE(process->last_line().empty());
    EXPECT_TRUE(is_program(own_program()));
}

TEST(Process, WhatCannotBeStartedSaysSo) {
    auto workspace = Workspace::make();
    ASSERT_TRUE(workspace.has_value());
    auto process = Process::start({"/no/such/program"}, 0, workspace->folder() + "/out");
    if (process.has_value()) {  // on Linux it is the child whose exec fails
        EXPECT_TRUE(process->wait(5 * kSecond));
        EXPECT_FALSE(process->running());
    } else {
        EXPECT_THAT(process.error().what, HasSubstr("/no/such/program"));
    }
    EXPECT_EQ(find_program("no-such-program"), "");
}

}  // namespace sluice::compare
