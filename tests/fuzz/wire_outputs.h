// WireOutputs: frames through everything that `sluice wire` does with them, in one of its
// languages, and what must hold of its outputs whatever the frames are: each line of JSON is JSON,
// text keeps to printable characters, HTML runs nothing, and the pcapng can be read again, frame by
// frame. Aborts on what does not. For fuzz targets.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "wire/analyzer.h"
#include "wire/capture.h"
#include "wire/json.h"
#include "wire/pcapng.h"
#include "wire/record.h"
#include "wire/report.h"
#include "wire/timeline.h"

namespace sluice::fuzz {

// A file in memory, by a path.
class MemoryFile {
  public:
    explicit MemoryFile(std::string_view bytes) : file_(memfd_create("fuzz", MFD_CLOEXEC)) {
        CHECK(file_ >= 0);
        CHECK(write(file_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    ~MemoryFile() { close(file_); }
    [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

  private:
    int file_;
};

class WireOutputs {
  public:
    WireOutputs(wire::Language language, int link_type, std::uint32_t snap_length)
        : language_(language),
          timeline_(into(text_), {.language = language}),
          json_(into(json_text_), "fuzz", false),
          pcapng_(into(written_), {.language = language,
                                   .link_type = link_type,
                                   .snap_length = snap_length,
                                   .interface = {}}),
          analyzer_(analyzer_options(), {&timeline_, &json_, &pcapng_, &record_}) {}

    void feed(const wire::Frame& frame) {
        sizes_.push_back(frame.bytes.size());
        analyzer_.feed(frame);
    }
    // To be called after the last frame. `options`: what else the reports are told.
    void finish(wire::ReportOptions options) {
        analyzer_.finish();
        options.source = "fuzz";
        options.language = language_;
        take_html(wire::write_report(*wire::make_html(language_), record_, options));
        take_markdown(wire::write_report(*wire::make_markdown(), record_, options));
        check_json();
        check_printable(text_);
        check_pcapng();
    }
    // Documents that are made elsewhere must pass the same checks.
    void take_html(const std::string& text) {
        CHECK(text.find("<script") == std::string::npos);
        documents_ += text;
    }
    void take_markdown(const std::string& text) {
        check_printable(text);
        documents_ += text;
    }
    // Whether some output contains `text`.
    [[nodiscard]] bool show(std::string_view text) const {
        const auto has = [&](const std::string& output) {
            return output.find(text) != std::string::npos;
        };
        return has(text_) || has(json_text_) || has(written_) || has(documents_);
    }

  private:
    static wire::Write into(std::string& out) {
        return [&out](std::string_view bytes) { out += bytes; };
    }
    static wire::AnalyzerOptions analyzer_options() {
        wire::AnalyzerOptions options;
        options.connections_max = 8;
        options.body_bytes_kept = 4'096;
        options.find_secrets = true;
        return options;
    }
    static void check_printable(std::string_view text) {
        for (const char c : text) {
            CHECK(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
        }
    }
    void check_json() const {
        std::string_view lines = json_text_;
        while (!lines.empty()) {
            const std::size_t end = lines.find('\n');
            CHECK(end != std::string_view::npos);
            CHECK(nlohmann::json::accept(lines.substr(0, end)));
            lines.remove_prefix(end + 1);
        }
    }
    void check_pcapng() const {
        const MemoryFile written(written_);
        auto again = wire::Capture::open_file(written.path());
        CHECK(again.has_value());
        std::size_t frames = 0;
        while (const wire::Frame* frame = again->next()) {
            CHECK(frames < sizes_.size() && frame->bytes.size() == sizes_[frames]);
            ++frames;
        }
        CHECK(again->error().empty());
        CHECK(frames == sizes_.size());
    }

    const wire::Language language_;
    std::string text_;
    std::string json_text_;
    std::string written_;
    std::string documents_;
    std::vector<std::size_t> sizes_;  // of the frames
    wire::Timeline timeline_;
    wire::JsonLines json_;
    wire::Pcapng pcapng_;
    wire::Record record_;
    wire::Analyzer analyzer_;
};

}  // namespace sluice::fuzz
