#include "bench/load/statistics.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "bench/load/random.h"

namespace sluice::load {

namespace {

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

Comparison compare(std::span<const double> baseline, std::span<const double> candidate,
                   Better better, std::uint64_t seed, double noise) {
    std::vector<double> logs;
    for (std::size_t i = 0; i < std::min(baseline.size(), candidate.size()); ++i) {
        if (baseline[i] > 0 && candidate[i] > 0) {
            logs.push_back(std::log(candidate[i] / baseline[i]));
        }
    }
    Comparison result;
    result.pairs = logs.size();
    if (logs.empty()) {
        return result;
    }
    result.ratio = std::exp(median(logs));
    Random random(seed);
    std::vector<double> medians(kResamples);
    std::vector<double> sample(logs.size());
    for (double& one : medians) {
        for (double& value : sample) {
            value = logs[random.below(logs.size())];
        }
        one = median_in_place(sample);
    }
    std::sort(medians.begin(), medians.end());
    const auto tail = static_cast<std::size_t>((1 - kConfidence) / 2 * kResamples);
    result.low = std::exp(medians[tail]);
    result.high = std::exp(medians[kResamples - 1 - tail]);
    if (logs.size() < kPairsMin) {
        return result;
    }
    const bool less = result.high < 1 / (1 + noise);
    const bool more = result.low > 1 + noise;
    if (less || more) {
        result.verdict = less == (better == Better::lower) ? Verdict::faster : Verdict::slower;
    }
    return result;
}

}  // namespace sluice::load
