#include "app/wire.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "app/serve.h"
#include "wire/analyzer.h"
#include "wire/json.h"
#include "wire/timeline.h"

namespace sluice {

namespace {

void say(std::string_view line) {
    fmt::print(stderr, "sluice: {}\n", line);
}

void to_stdout(std::string_view bytes) {
    (void)std::fwrite(bytes.data(), 1, bytes.size(), stdout);
}

}  // namespace

int wire_command(const WireOptions& options) {
    auto capture = wire::Capture::open_file(options.file);
    if (!capture) {
        say(capture.error().what);
        return kExitFailure;
    }
    std::unique_ptr<wire::Timeline> timeline;
    std::unique_ptr<wire::JsonLines> json;
    std::vector<wire::Sink*> sinks;
    if (options.json) {
        json = std::make_unique<wire::JsonLines>(to_stdout, options.file, options.show_secrets);
        sinks.push_back(json.get());
    } else {
        wire::TimelineOptions how;
        how.language = options.language;
        timeline = std::make_unique<wire::Timeline>(to_stdout, how);
        sinks.push_back(timeline.get());
    }
    wire::Analyzer analyzer({}, sinks);
    while (const wire::Frame* frame = capture->next()) {
        analyzer.feed(*frame);
    }
    analyzer.finish();
    if (capture->error().empty()) {
        return kExitOk;
    }
    if (json != nullptr) {
        json->on_error(capture->error());
    }
    std::fflush(stdout);
    say(capture->error());
    return kExitFailure;
}

}  // namespace sluice
