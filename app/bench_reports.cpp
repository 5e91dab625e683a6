#include "app/bench_reports.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <vector>

#include "app/exit.h"
#include "bench/load/hdr_format.h"
#include "system/path.h"

namespace sluice {

namespace {

std::vector<std::string> hdr_paths(const std::string& prefix) {
    if (prefix.empty()) {
        return {};
    }
    return {prefix + ".hlog", prefix + ".response.hgrm", prefix + ".service.hgrm"};
}

std::string complaint(const std::string& path) {
    return path + " could not be written: " + std::strerror(errno);
}

bool write_file(const std::string& path, const std::string& text) {
    if (path == "-") {
        return print(text);
    }
    std::FILE* file = std::fopen(path.c_str(), "wb");
    bool written = false;
    if (file != nullptr) {
        written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
        written = std::fclose(file) == 0 && written;
    }
    if (!written) {
        say(complaint(path), kBench);
    }
    return written;
}

}  // namespace

Result<void> can_be_written(const std::string& path) {
    std::error_code error;
    const std::filesystem::file_type type = std::filesystem::status(to_path(path), error).type();
    const bool is_new = type == std::filesystem::file_type::not_found;
    if (!is_new && type != std::filesystem::file_type::regular &&
        type != std::filesystem::file_type::directory) {
        return {};  // a pipe or a device: its other end would notice the open
    }
    std::FILE* file = std::fopen(path.c_str(), "ab");
    if (file == nullptr) {
        return fail(Status::io_error, complaint(path));
    }
    (void)std::fclose(file);
    if (is_new) {
        std::filesystem::remove(to_path(path), error);
    }
    return {};
}

Result<void> check_reports(const BenchOptions& options) {
    std::vector<std::string> paths = hdr_paths(options.hdr_prefix);
    for (const std::string* path : {&options.json_path, &options.csv_path, &options.html_path}) {
        if (!path->empty()) {
            paths.push_back(*path);
        }
    }
    for (std::size_t i = 0; i < paths.size(); ++i) {
        for (std::size_t k = 0; k < i; ++k) {
            if (paths[i] == paths[k]) {
                return fail(Status::address_invalid,
                            "two reports cannot both be written to " + paths[i]);
            }
        }
        if (paths[i] == "-") {
            continue;
        }
        if (auto can = can_be_written(paths[i]); !can) {
            return can;
        }
    }
    return {};
}

void IntervalLog::add(const load::Second& second, const load::Tally& tally) {
    if (!wanted_ || second.warmup) {
        return;
    }
    const double start = static_cast<double>(second.from) / 1e9;
    const double length = static_cast<double>(second.to - second.from) / 1e9;
    lines_ += load::log_line("response", start, length, tally.response);
    lines_ += load::log_line("service", start, length, tally.service_all());
}

std::string IntervalLog::text(std::int64_t started_ms) const {
    return load::log_head(started_ms, "Logged by sluice " SLUICE_VERSION) + lines_;
}

bool writes_to_stdout(const BenchOptions& options) {
    return options.json_path == "-" || options.csv_path == "-" || options.html_path == "-";
}

bool write_reports(const BenchOptions& options, const IntervalLog& log,
                   const load::Report& report) {
    bool written = true;
    if (!writes_to_stdout(options) && report.search == nullptr) {
        written = write_file("-", text_report(report));
    }
    if (!options.json_path.empty()) {
        written = write_file(options.json_path, json_report(report)) && written;
    }
    if (!options.csv_path.empty()) {
        written = write_file(options.csv_path, csv_report(report)) && written;
    }
    if (!options.html_path.empty()) {
        written = write_file(options.html_path, html_report(report)) && written;
    }
    const load::Tally& total = report.outcome.total;
    const std::vector<std::string> hdr = hdr_paths(options.hdr_prefix);
    if (!hdr.empty()) {
        written = write_file(hdr[0], log.text(report.outcome.started_wall_ms)) && written;
        written = write_file(hdr[1], load::percentile_text(total.response)) && written;
        written = write_file(hdr[2], load::percentile_text(total.service_all())) && written;
    }
    return written;
}

}  // namespace sluice
