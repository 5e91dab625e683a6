#include "bench/load/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace sluice::load {

namespace {

struct Sample {
    std::size_t size = 0;
    double mean = 0;
    double error = 0;  // variance of the mean
};

Sample sample_of(std::span<const double> values) {
    Sample sample{.size = values.size()};
    const auto count = static_cast<double>(values.size());
    for (const double value : values) {
        sample.mean += value / count;
    }
    if (values.size() > 1) {
        for (const double value : values) {
            sample.error += (value - sample.mean) * (value - sample.mean) / (count - 1) / count;
        }
    }
    return sample;
}

// The two-sided quantile of Student's distribution for kConfidence. Few degrees of freedom come
// from the table, more from the expansion around the normal quantile (Abramowitz and Stegun
// 26.7.5), which is accurate to 0.1 %.
double student(double degrees) {
    constexpr std::array<double, 4> kFew = {12.706, 4.303, 3.182, 2.776};
    if (degrees < 5) {
        return kFew[static_cast<std::size_t>(std::clamp(std::floor(degrees), 1.0, 4.0)) - 1];
    }
    constexpr double z = 1.959964;
    const double z3 = z * z * z;
    const double z5 = z3 * z * z;
    const double z7 = z5 * z * z;
    return z + (z3 + z) / (4 * degrees) + (5 * z5 + 16 * z3 + 3 * z) / (96 * degrees * degrees) +
           (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * degrees * degrees * degrees);
}

Comparison conclude(double log_ratio, double half_width, std::size_t pairs, Better better,
                    double noise) {
    Comparison result{.ratio = std::exp(log_ratio),
                      .low = std::exp(log_ratio - half_width),
                      .high = std::exp(log_ratio + half_width),
                      .pairs = pairs};
    if (pairs < kPairsMin) {
        return result;
    }
    const bool less = result.high < 1 / (1 + noise);
    const bool more = result.low > 1 + noise;
    if (less || more) {
        result.verdict = less == (better == Better::lower) ? Verdict::faster : Verdict::slower;
    }
    return result;
}

std::vector<double> logs_of(std::span<const double> values) {
    std::vector<double> logs;
    for (const double value : values) {
        if (value > 0) {
            logs.push_back(std::log(value));
        }
    }
    return logs;
}

double median_in_place(std::vector<double>& values) {
    if (values.empty()) {
        return 0;
    }
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    if (values.size() % 2 == 1) {
        return *middle;
    }
    return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
    switch (verdict) {
        case Verdict::cannot_tell: return "cannot tell";
        case Verdict::faster: return "faster";
        case Verdict::slower: return "slower";
    }
    return "";
}

double median(std::span<const double> values) {
    std::vector<double> copy(values.begin(), values.end());
    return median_in_place(copy);
}

Comparison judge_ratios(std::span<const double> ratios, Better better, double noise) {
    const Sample sample = sample_of(logs_of(ratios));
    if (sample.size == 0) {
        return {};
    }
    return conclude(sample.mean,
                    student(static_cast<double>(sample.size) - 1) * std::sqrt(sample.error),
                    sample.size, better, noise);
}

Comparison compare(std::span<const double> baseline, std::span<const double> candidate,
                   Better better, double noise) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < std::min(baseline.size(), candidate.size()); ++i) {
        if (baseline[i] > 0 && candidate[i] > 0) {
            ratios.push_back(candidate[i] / baseline[i]);
        }
    }
    return judge_ratios(ratios, better, noise);
}

Comparison compare_unpaired(std::span<const double> baseline, std::span<const double> candidate,
                            Better better, double noise) {
    const Sample before = sample_of(logs_of(baseline));
    const Sample after = sample_of(logs_of(candidate));
    const std::size_t pairs = std::min(before.size, after.size);
    if (pairs == 0) {
        return {};
    }
    // Welch and Satterthwaite's degrees of freedom.
    const double error = before.error + after.error;
    const auto part = [](const Sample& sample) {
        return sample.error * sample.error / std::max(1.0, static_cast<double>(sample.size) - 1);
    };
    const double parts = part(before) + part(after);
    const double degrees = parts > 0 ? error * error / parts : 1;
    return conclude(after.mean - before.mean, student(degrees) * std::sqrt(error), pairs, better,
                    noise);
}

}  // namespace sluice::load
