#include "bench/compare/scenario.h"

#include <algorithm>

namespace sluice::compare {

namespace {

constexpr const char* kPagePath = "/";
constexpr const char* kLogoPath = "/static/logo.jpg";
constexpr const char* kLargePath = "/large.bin";
// Few, so that what is in flight at the ends of a block is a small part of it.
constexpr unsigned kLargeConnections = 8;

// The request of the lab report that the page comes from: Chrome 106 on Windows.
std::vector<std::string> browser_fields() {
    return {
        R"(sec-ch-ua: "Chromium";v="106", "Google Chrome";v="106", "Not;A=Brand";v="99")",
        "sec-ch-ua-mobile: ?0",
        R"(sec-ch-ua-platform: "Windows")",
        "Upgrade-Insecure-Requests: 1",
        ("User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like "
         "Gecko) Chrome/106.0.0.0 Safari/537.36"),
        ("Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
         "image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.9"),
        "Sec-Fetch-Site: none",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-User: ?1",
        "Sec-Fetch-Dest: document",
        "Accept-Encoding: gzip, deflate, br",
        "Accept-Language: zh-CN,zh;q=0.9,en-US;q=0.8,en;q=0.7",
        "Cookie: SL_G_WPT_TO=zh; SL_GWPT_Show_Hide_tmp=1; SL_wptGlobTipTm=1",
        "Connection: keep-alive",
    };
}

FloorUse epoll_floor(std::size_t body, std::vector<std::string> more = {}) {
    FloorUse use{"floor_epoll", {"--body", std::to_string(body)}};
    use.arguments.insert(use.arguments.end(), more.begin(), more.end());
    return use;
}

// For information, never the baseline: not every machine has io_uring.
FloorUse uring_floor(std::vector<std::string> more = {}) {
    FloorUse use{.program = "floor_uring",
                 .arguments = {"--body", std::to_string(kPageBytes)},
                 .reference = false};
    use.arguments.insert(use.arguments.end(), more.begin(), more.end());
    return use;
}

FloorUse sendfile_floor(const char* path) {
    return {.program = "floor_sendfile", .arguments = {}, .file = path};
}

void add_bodies(std::vector<Scenario>& all) {
    all.push_back({.name = "page",
                   .title = "509-byte page",
                   .floors = {epoll_floor(kPageBytes), uring_floor()},
                   .target = {1.05, 1.12}});
    all.push_back({.name = "browser",
                   .title = "page, a browser's headers",
                   .fields = browser_fields(),
                   .floors = {epoll_floor(kPageBytes), uring_floor()},
                   .target = {1.10, 1.10}});
    all.push_back({.name = "logo",
                   .title = "logo, 51,138 bytes",
                   .path = kLogoPath,
                   .body_bytes = kLogoBytes,
                   .floors = {epoll_floor(kLogoBytes), sendfile_floor(kLogoPath)},
                   .target = {1.05, 1.05}});
    all.push_back({.name = "large",
                   .title = "10 MB file",
                   .path = kLargePath,
                   .body_bytes = kLargeBytes,
                   .parameters = {.connections = kLargeConnections},
                   .floors = {sendfile_floor(kLargePath)},
                   .target = {1.03, 1.03}});
}

void add_kinds_of_request(std::vector<Scenario>& all) {
    all.push_back({.name = "pipelined",
                   .title = "page, 16 requests pipelined",
                   .pipeline = 16,
                   .floors = {epoll_floor(kPageBytes, {"--pipeline", "16"})},
                   .target = {1.5, 1.5}});
    all.push_back({.name = "churn",
                   .title = "new connection for each request",
                   .churn = true,
                   .floors = {epoll_floor(kPageBytes, {"--churn"}), uring_floor({"--churn"})},
                   .target = {0.85, 0}});
    all.push_back({.name = "conditional",
                   .title = "304",
                   .status = 304,
                   .body_bytes = 0,
                   .revalidate = true,
                   .floors = {epoll_floor(0)},
                   .target = {1.10, 1.10}});
    all.push_back({.name = "missing",
                   .title = "404",
                   .path = "/missing",
                   .status = 404,
                   .body_bytes = std::nullopt,
                   .floors = {epoll_floor(150)},
                   .target = {1.10, 1.10}});
    all.push_back({.name = "files",
                   .title = "1,000 different files",
                   .many = 1000,
                   .parameters = {.root = "many"},
                   .floors = {epoll_floor(kPageBytes)},
                   .target = {1.10, 1.10}});
}

void add_pairs_of_parameters(std::vector<Scenario>& all) {
    all.push_back({.name = "logged",
                   .title = "combined access log / none",
                   .path = kPagePath,
                   .parameters = {.log = true},
                   .base = Parameters{},
                   .base_title = "no log",
                   .target = {1.15, 1.15}});
    all.push_back({.name = "connections",
                   .title = "10,000 connections / 64",
                   .path = kPagePath,
                   .parameters = {.connections = 10'000},
                   .base = Parameters{},
                   .base_title = "64",
                   .target = {1.3, 1.3}});
    all.push_back({.name = "tree",
                   .title = "100,000 files in the root / ten",
                   .path = kPagePath,
                   .parameters = {.root = "tree"},
                   .base = Parameters{},
                   .base_title = "ten",
                   .target = {1.10, 1.10}});
    all.push_back({.name = "memory",
                   .title = "idle connection, bytes",
                   .kind = Kind::idle_memory,
                   .parameters = {.connections = kIdleConnections},
                   .target = {400, 400}});
    all.push_back(
        {.name = "start", .title = "start", .kind = Kind::start, .target = {100e6, 100e6}});
    all.push_back({.name = "start-tree",
                   .title = "start with 100,000 files",
                   .kind = Kind::start,
                   .parameters = {.root = "tree"},
                   .target = {2e9, 2e9}});
}

// From which size on is sendfile cheaper than sending from memory? Our server, in both ways.
void add_border(std::vector<Scenario>& all) {
    for (const unsigned kib : {2U, 4U, 8U, 16U, 32U, 64U, 128U, 256U}) {
        const std::string size = std::to_string(kib);
        all.push_back({.name = "border-" + size + "k",
                       .title = size + " KiB from memory / by sendfile",
                       .path = "/border/" + size + "k.bin",
                       .body_bytes = kib * 1024,
                       .parameters = {.arguments = {"--memory-send-max", "1M"}},
                       .base = Parameters{.arguments = {"--memory-send-max", "0"}},
                       .base_title = "sendfile",
                       .ours_only = true,
                       .when_named = true});
    }
}

}  // namespace

std::vector<Scenario> all_scenarios() {
    std::vector<Scenario> all;
    add_bodies(all);
    add_kinds_of_request(all);
    add_pairs_of_parameters(all);
    add_border(all);
    return all;
}

Result<std::vector<Scenario>> choose_scenarios(const std::vector<std::string>& names) {
    const std::vector<Scenario> all = all_scenarios();
    std::vector<Scenario> chosen;
    for (const std::string& name : names) {
        const auto before = chosen.size();
        std::copy_if(all.begin(), all.end(), std::back_inserter(chosen), [&](const Scenario& one) {
            return one.name == name || (name == "border" && one.name.starts_with("border-"));
        });
        if (chosen.size() == before) {
            std::string known = "border";
            for (const Scenario& one : all) {
                if (!one.when_named) {
                    known.append(", ").append(one.name);
                }
            }
            std::string what = "there is no scenario '";
            what.append(name).append("'; there are ").append(known);
            return fail(Status::address_invalid, std::move(what));
        }
    }
    if (names.empty()) {
        std::copy_if(all.begin(), all.end(), std::back_inserter(chosen),
                     [](const Scenario& one) { return !one.when_named; });
    }
    return chosen;
}

}  // namespace sluice::compare
