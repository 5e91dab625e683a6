#include "app/wire.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>

#include "app/exit.h"
#include "lab/kernel_view.h"
#include "lab/lab.h"
#include "wire/analyzer.h"
#include "wire/json.h"
#include "wire/pcapng.h"
#include "wire/record.h"
#include "wire/report.h"
#include "wire/timeline.h"

namespace sluice {

namespace {

constexpr std::size_t kReportBodyBytes = 1U << 20;  // of each body, for the lab's page and logo

void to_stdout(std::string_view bytes) {
    (void)std::fwrite(bytes.data(), 1, bytes.size(), stdout);
}

// False, with a message, when not all of it was written.
[[nodiscard]] bool stdout_took_all() {
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) {
        return true;
    }
    say("standard output could not be written");
    return false;
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
    // False, with a message, when not all of it is on disk.
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
            how.hides_secrets = !options.show_secrets;
            pcapng_ = std::make_unique<wire::Pcapng>(
                [this](std::string_view bytes) { pcapng_file_->write(bytes); }, how);
            sinks_.push_back(pcapng_.get());
        }
        wire::AnalyzerOptions how;
        how.body_bytes_kept = record_ != nullptr ? kReportBodyBytes : 0;
        how.find_secrets = pcapng_ != nullptr && !options.show_secrets;
        analyzer_ = std::make_unique<wire::Analyzer>(how, sinks_);
    }

    void feed(const wire::Frame& frame) { analyzer_->feed(frame); }
    void show() {
        if (timeline_ != nullptr) {
            timeline_->flush();
            std::fflush(stdout);
        }
    }
    // `lab` is null without one.
    [[nodiscard]] bool finish(const std::string& error, const Lab* lab);

  private:
    [[nodiscard]] bool write_reports(const Lab* lab);

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

bool Outputs::write_reports(const Lab* lab) {
    wire::ReportOptions how;
    how.language = options_.language;
    how.show_secrets = options_.show_secrets;
    how.source = source_;
    how.lab = options_.lab;
    how.browser = options_.browser;
    if (lab != nullptr) {
        how.server_command = lab->server_command();
        for (const LabScenario& scenario : lab->scenarios()) {
            how.scenarios.push_back({scenario.id, scenario.client_port});
        }
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

bool Outputs::finish(const std::string& error, const Lab* lab) {
    analyzer_->finish();
    if (json_ != nullptr && !error.empty()) {
        json_->on_error(error);
    }
    bool good = stdout_took_all();
    if (pcapng_file_ != nullptr) {
        good = pcapng_file_->finish() && good;
    }
    if (record_ != nullptr) {
        good = write_reports(lab) && good;
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
    return outputs.finish(capture->error(), nullptr) ? kExitOk : kExitFailure;
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
    return outputs.finish(capture->error(), nullptr) ? kExitOk : kExitFailure;
}

// Without the right to capture: what the kernel alone can tell.
int explain_by_kernel(const WireOptions& options, Lab& lab, const std::string& why) {
    if (options.json || !options.pcapng.empty()) {
        say("nothing can be captured, so there are no frames for --json and --pcapng");
        return kExitFailure;
    }
    say("no capture, so this is what the kernel alone can tell (reconstructed)");
    auto ran = lab.run(nullptr, [](const wire::Frame&) {});
    if (!ran) {
        say(ran.error().what);
        return kExitFailure;
    }
    wire::Reconstruction facts;
    facts.why = why;
    facts.saved_syn = read_saved_syn();
    for (const LabScenario& scenario : lab.scenarios()) {
        facts.scenarios.push_back({scenario.id, scenario.transcript});
        facts.steps.insert(facts.steps.end(), scenario.steps.begin(), scenario.steps.end());
    }
    wire::ReportOptions how;
    how.language = options.language;
    how.show_secrets = options.show_secrets;
    bool good = true;
    const auto write = [&](const std::string& path, std::unique_ptr<wire::Document> document) {
        if (!path.empty()) {
            File file(path);
            file.write(wire::write_reconstruction(*document, facts, how));
            good = file.finish() && good;
        }
    };
    write(options.html, wire::make_html(options.language));
    write(options.markdown, wire::make_markdown());
    if (options.html.empty() && options.markdown.empty()) {
        to_stdout(wire::write_reconstruction(*wire::make_markdown(), facts, how));
        good = stdout_took_all();
    }
    return good ? kExitOk : kExitFailure;
}

int explain_lab(const WireOptions& options) {
    if (auto possible = lab_possible(); !possible) {
        say(possible.error().what);
        return kExitFailure;
    }
    LabOptions how;
    how.root = options.lab_root;
    how.browser = options.browser;
    std::string source = "sluice wire --lab, lo";
    std::string why;
    auto entered = enter_private_network();
    how.private_network = entered.has_value();
    if (!entered) {
        why = entered.error().what;
        say(why + "; trying to capture on this machine's own loopback");
        source += " (shared)";
    }
    auto lab = Lab::start(how);
    if (!lab) {
        say(lab.error().what);
        return kExitFailure;
    }
    auto capture = wire::Capture::open_live("lo", lab->filter());
    if (!capture) {
        say(capture.error().what);
        return explain_by_kernel(options, *lab, why.empty() ? capture.error().what : why);
    }
    Outputs outputs(options, *capture, source);
    auto ran = lab->run(&*capture, [&](const wire::Frame& frame) { outputs.feed(frame); });
    const std::string error = ran ? std::string() : ran.error().what;
    return outputs.finish(error, &*lab) ? kExitOk : kExitFailure;
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
