// What a run of `sluice bench` writes, and where.
#pragma once

#include <string>

#include "app/bench.h"
#include "bench/load/report.h"

namespace sluice {

// Before minutes are spent on measuring: that every report has a place of its own, and can be
// written there. What is there already stays as it is.
[[nodiscard]] Result<void> check_reports(const BenchOptions& options);

// One of them; "-" is no file.
[[nodiscard]] Result<void> can_be_written(const std::string& path);

// HdrHistogram's interval log grows while the run goes on, a line for each second and kind.
class IntervalLog {
  public:
    explicit IntervalLog(bool wanted) : wanted_(wanted) {}
    void add(const load::Second& second, const load::Tally& tally);
    [[nodiscard]] std::string text(std::int64_t started_ms) const;

  private:
    bool wanted_;
    std::string lines_;
};

// Whether a program reads the standard output, and not a person.
[[nodiscard]] bool writes_to_stdout(const BenchOptions& options);
// Every report that was asked for; says which could not be written, and returns false then.
[[nodiscard]] bool write_reports(const BenchOptions& options, const IntervalLog& log,
                                 const load::Report& report);

}  // namespace sluice
