// What a run of `sluice bench` writes, and where.
#pragma once

#include <string>

#include "app/bench.h"
#include "bench/load/report.h"

namespace sluice {

// Checks before the measurement, which takes minutes, that every report has a path of its own and
// can be written there. Existing files stay as they are.
[[nodiscard]] Result<void> check_reports(const BenchOptions& options);

// The same for one path; "-" is not a file.
[[nodiscard]] Result<void> can_be_written(const std::string& path);

// HdrHistogram's interval log, which grows during the run: a line for each second and kind.
class IntervalLog {
  public:
    explicit IntervalLog(bool wanted) : wanted_(wanted) {}
    void add(const load::Second& second, const load::Tally& tally);
    [[nodiscard]] std::string text(std::int64_t started_ms) const;

  private:
    bool wanted_;
    std::string lines_;
};

// Whether standard output is for a program and not for a person.
[[nodiscard]] bool writes_to_stdout(const BenchOptions& options);
// Writes every requested report; says which could not be written, and returns false then.
[[nodiscard]] bool write_reports(const BenchOptions& options, const IntervalLog& log,
                                 const load::Report& report);

}  // namespace sluice
