// A capture file, hostile from its first byte on, through everything that `sluice wire` does with
// one: readers, analysis, timeline, JSON, report, pcapng. Whatever comes in, each line of JSON is
// JSON, the timeline keeps to its columns' characters, and the pcapng that comes out can be read
// again, frame by frame.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
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

namespace {

using namespace sluice::wire;

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

struct Results {
    std::string timeline;
    std::string json;
    std::string pcapng;
    std::string html;
    std::string markdown;
    std::vector<std::size_t> sizes;  // of the frames
    std::uint64_t frames = 0;
};

Results explain(Capture& capture) {
    Results results;
    const auto into = [](std::string& out) {
        return [&out](std::string_view bytes) { out += bytes; };
    };
    Timeline timeline(into(results.timeline), {});
    JsonLines json(into(results.json), "fuzz", false);
    PcapngOptions how;
    how.link_type = capture.link_type();
    how.snap_length = capture.snap_length();
    Pcapng pcapng(into(results.pcapng), how);
    Record record;
    AnalyzerOptions options;
    options.connections_max = 8;
    options.body_bytes_kept = 4'096;
    options.find_secrets = true;
    Analyzer analyzer(options, {&timeline, &json, &pcapng, &record});
    while (const Frame* frame = capture.next()) {
        results.sizes.push_back(frame->bytes.size());
        analyzer.feed(*frame);
    }
    analyzer.finish();
    results.frames = analyzer.totals().frames;
    ReportOptions report;
    report.source = "fuzz";
    results.html = write_report(*make_html(Language::zh), record, report);
    results.markdown = write_report(*make_markdown(), record, report);
    return results;
}

void check_json(std::string_view lines) {
    while (!lines.empty()) {
        const std::size_t end = lines.find('\n');
        CHECK(end != std::string_view::npos);
        CHECK(nlohmann::json::accept(lines.substr(0, end)));
        lines.remove_prefix(end + 1);
    }
}

void check_printable(std::string_view text) {
    for (const char c : text) {
        CHECK(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const MemoryFile file({reinterpret_cast<const char*>(data), size});
    auto capture = Capture::open_file(file.path());
    if (!capture) {
        return 0;
    }
    const Results results = explain(*capture);
    check_json(results.json);
    check_printable(results.timeline);
    check_printable(results.markdown);
    CHECK(results.html.find("<script") == std::string::npos);
    const MemoryFile written(results.pcapng);
    auto again = Capture::open_file(written.path());
    CHECK(again.has_value());
    std::size_t frames = 0;
    while (const Frame* frame = again->next()) {
        CHECK(frames < results.sizes.size() && frame->bytes.size() == results.sizes[frames]);
        ++frames;
    }
    CHECK(again->error().empty());
    CHECK(frames == results.frames);
    return 0;
}
