#include "app/wire.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>

#include "app/lab.h"
#include "app/serve.h"
#include "wire/analyzer.h"
#include "wire/json.h"
#include "wire/pcapng.h"
#include "wire/record.h"
#include "wire/report.h"
#include "wire/timeline.h"

namespace sluice {

namespace {

constexpr std::size_t kReportBodyBytes = 1U << 20;  // of each body, for the page and its logo

void say(std::string_view line) {
    fmt::print(stderr, "sluice: {}\n", line);
}

void to_stdout(std::string_view bytes) {
    (void)std::fwrite(bytes.data(), 1, bytes.size(), stdout);
}

volatile std::sig_atomic_t stopped = 0;

class File {
  public:
    explicit File(const std::string& path) : path_(path), file_(std::fopen(path.c_str(), "wb")) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (file_ != nullptr) {
            (void)std::fclose(file_);
        }
    }

    void write(std::string_view bytes) {
        good_ = good_ && file_ != nullptr &&
                std::fwrite(bytes.data(), 1, bytes.size(), file_) == bytes.size();
    }
    // False, and says so, when not all of it is on disk.
    [[nodiscard]] bool finish() {
        good_ = good_ && file_ != nullptr && std::fclose(file_) == 0;
        file_ = nullptr;
        if (!good_) {
            say(fmt::format("cannot write {}", path_));
        }
        return good_;
    }

  private:
    const std::string path_;
    std::FILE* file_;
    bool good_ = true;
};

// Everything that a run prints or writes.
class Outputs {
  public:
    Outputs(const WireOptions& options, const wire::Capture& capture, const std::string& source)
        : options_(options), source_(source) {
        if (options.json) {
            json_ = std::make_unique<wire::JsonLines>(to_stdout, source, options.show_secrets);
            sinks_.push_back(json_.get());
        } else if (options.html.empty() && options.markdown.empty()) {
            wire::TimelineOptions how;
            how.language = options.language;
            timeline_ = std::make_unique<wire::Timeline>(to_stdout, how);
            sinks_.push_back(timeline_.get());
        }
        if (!options.html.empty() || !options.markdown.empty()) {
            record_ = std::make_unique<wire::Record>();
            sinks_.push_back(record_.get());
        }
        if (!options.pcapng.empty()) {
            pcapng_file_ = std::make_unique<File>(options.pcapng);
            wire::PcapngOptions how;
            how.language = options.language;
            how.link_type = capture.link_type();
            how.snap_length = capture.snap_length();
            how.interface = options.lab ? "lo" : options.live;
            pcapng_ = std::make_unique<wire::Pcapng>(
                [this](std::string_view bytes) { pcapng_file_->write(bytes); }, how);
            sinks_.push_back(pcapng_.get());
        }
        wire::AnalyzerOptions how;
        how.body_bytes_kept = record_ != nullptr ? kReportBodyBytes : 0;
        analyzer_ = std::make_unique<wire::Analyzer>(how, sinks_);
    }

    void feed(const wire::Frame& frame) { analyzer_->feed(frame); }
    void show() {
        if (timeline_ != nullptr) {
            timeline_->flush();
            std::fflush(stdout);
        }
    }
    [[nodiscard]] bool finish(const std::string& error, const std::vector<LabCard>& cards);

  private:
    [[nodiscard]] bool write_reports(const std::vector<LabCard>& cards);

    const WireOptions& options_;
    const std::string source_;
    std::unique_ptr<File> pcapng_file_;
    std::unique_ptr<wire::Timeline> timeline_;
    std::unique_ptr<wire::JsonLines> json_;
    std::unique_ptr<wire::Record> record_;
    std::unique_ptr<wire::Pcapng> pcapng_;
    std::vector<wire::Sink*> sinks_;
    std::unique_ptr<wire::Analyzer> analyzer_;
};

bool Outputs::write_reports(const std::vector<LabCard>& cards) {
    wire::ReportOptions how;
    how.language = options_.language;
    how.show_secrets = options_.show_secrets;
    how.source = source_;
    how.lab = options_.lab;
    for (const LabCard& card : cards) {
        how.cards.push_back({card.id, card.client_port});
    }
    bool good = true;
    const auto write = [&](const std::string& path, std::unique_ptr<wire::Document> document) {
        if (path.empty()) {
            return;
        }
        File file(path);
        file.write(wire::write_report(*document, *record_, how));
        good = file.finish() && good;
    };
    write(options_.html, wire::make_html(options_.language));
    write(options_.markdown, wire::make_markdown());
    return good;
}

bool Outputs::finish(const std::string& error, const std::vector<LabCard>& cards) {
    analyzer_->finish();
    if (json_ != nullptr && !error.empty()) {
        json_->on_error(error);
    }
    bool good = std::fflush(stdout) == 0;
    if (pcapng_file_ != nullptr) {
        good = pcapng_file_->finish() && good;
    }
    if (record_ != nullptr) {
        good = write_reports(cards) && good;
    }
    if (!error.empty()) {
        say(error);
    }
    return good && error.empty();
}

int explain_file(const WireOptions& options) {
    auto capture = wire::Capture::open_file(options.file);
    if (!capture) {
        say(capture.error().what);
        return kExitFailure;
    }
    Outputs outputs(options, *capture, options.file);
    while (const wire::Frame* frame = capture->next()) {
        outputs.feed(*frame);
    }
    return outputs.finish(capture->error(), {}) ? kExitOk : kExitFailure;
}

int explain_live(const WireOptions& options) {
    const std::string filter = options.port == 0 ? "tcp" : fmt::format("tcp port {}", options.port);
    auto capture = wire::Capture::open_live(options.live, filter);
    if (!capture) {
        say(capture.error().what);
        return kExitFailure;
    }
    say(fmt::format("capturing on {} ({}); Ctrl-C ends it", options.live, filter));
    std::signal(SIGINT, [](int) { stopped = 1; });
    std::signal(SIGTERM, [](int) { stopped = 1; });
    Outputs outputs(options, *capture, options.live);
    while (stopped == 0 && !capture->ended()) {
        if (const wire::Frame* frame = capture->next()) {
            outputs.feed(*frame);
        } else {
            outputs.show();
        }
    }
    if (const std::uint64_t dropped = capture->dropped(); dropped != 0) {
        say(fmt::format("{} frames were lost by the capture", dropped));
    }
    return outputs.finish(capture->error(), {}) ? kExitOk : kExitFailure;
}

int explain_lab(const WireOptions& options) {
    std::string source = "sluice wire --lab, lo";
    std::string filter = "tcp";
    if (auto entered = enter_private_network(); !entered) {
        say(entered.error().what + "; capturing on this machine's loopback instead");
        filter = "tcp port 8080 or tcp port 8081";
        source += " (shared)";
    }
    auto capture = wire::Capture::open_live("lo", filter);
    if (!capture) {
        say(capture.error().what);
        return kExitFailure;
    }
    Outputs outputs(options, *capture, source);
    LabOptions how;
    how.root = options.lab_root;
    how.browser = options.browser;
    auto cards = run_lab(how, *capture, [&](const wire::Frame& frame) { outputs.feed(frame); });
    const std::string error = cards ? std::string() : cards.error().what;
    return outputs.finish(error, cards ? *cards : std::vector<LabCard>()) ? kExitOk : kExitFailure;
}

}  // namespace

int wire_command(const WireOptions& options) {
    const int sources =
        (options.file.empty() ? 0 : 1) + (options.live.empty() ? 0 : 1) + (options.lab ? 1 : 0);
    if (sources != 1) {
        say("wire: name one of FILE, --live IFACE and --lab (see sluice wire --help)");
        return kExitUsage;
    }
    if (options.lab) {
        return explain_lab(options);
    }
    return options.live.empty() ? explain_file(options) : explain_live(options);
}

}  // namespace sluice
