// Readers of HdrHistogram's formats (bench/load/hdr_format.h), which show that others can read what
// we write.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bench/load/hdr_format.h"
#include "core/histogram.h"
#include "core/result.h"

namespace sluice::load {

// Any histogram of whole values of 1 to 5 digits within 1 h. A value becomes the low end of its
// bucket.
[[nodiscard]] Result<Histogram> decode_histogram(std::string_view base64);

struct LogInterval {
    std::string tag;
    double start_s = 0;  // from the log's StartTime, or absolute without one
    double length_s = 0;
    double max = 0;  // in the log's unit: milliseconds for nanosecond values
    Histogram values;
};

[[nodiscard]] Result<std::vector<LogInterval>> read_log(std::string_view text);

[[nodiscard]] Result<std::vector<PercentilePoint>> read_percentile_text(std::string_view text);

}  // namespace sluice::load
