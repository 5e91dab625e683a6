// wrk 4 (github.com/wg/wrk): a script gives it the requests and prints its counts for us to read.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "bench/compare/generator.h"
#include "bench/compare/workspace.h"

namespace sluice::compare {

namespace {

using Json = nlohmann::json;

constexpr Nanos kWrkTimeout = 30 * kSecond;  // beyond the duration
constexpr Nanos kWrkStep = 20 * kMillisecond;
// Setting up more than this is different work, which wrk does not tell from the load.
constexpr unsigned kConnectionsMax = 1000;
// Answers to the last batches: wrk may have read one batch more or less.
constexpr double kEdgeBatches = 64;

std::string lua_string(const std::string& text) {
    std::string quoted = "\"";
    for (const char c : text) {
        quoted += c == '"' || c == '\\' ? "\\" : "";
        quoted += c;
    }
    return quoted + "\"";
}

// The bytes of the requests are made once; then a request costs a look-up.
std::string script(const Load& load) {
    std::string text;
    for (const std::string& field : load.fields) {
        const std::size_t colon = field.find(':');
        text += fmt::format("wrk.headers[{}] = {}\n", lua_string(field.substr(0, colon)),
                            lua_string(field.substr(field.find_first_not_of(' ', colon + 1))));
    }
    if (load.churn) {
        text += "wrk.headers[\"Connection\"] = \"close\"\n";
    }
    text += "local paths = {";
    for (const std::string& path : load.paths) {
        text += lua_string(path) + ",";
    }
    return text + fmt::format(R"lua(}}
local made, at = {{}}, 0
function init(args)
  for i, path in ipairs(paths) do
    made[i] = string.rep(wrk.format("GET", path), {})
  end
end
function request()
  at = at % #made + 1
  return made[at]
end
function done(summary, latency, requests)
  local e = summary.errors
  print(string.format('WRK {{"requests":%d,"duration_us":%d,"bytes":%d,"failed":%d,"status":%d,' ..
    '"p50_us":%d,"p99_us":%d,"p999_us":%d}}', summary.requests, summary.duration, summary.bytes,
    e.connect + e.read + e.write + e.timeout, e.status, latency:percentile(50),
    latency:percentile(99), latency:percentile(99.9)))
end
)lua",
                              load.pipeline);
}

// Why the answers are not the expected ones; empty: they are.
std::string wrong_answers(const Load& load, double requests, double bytes, double failed,
                          double status) {
    if (failed > 0) {
        return fmt::format("{:.0f} errors", failed);
    }
    if (requests <= 0) {
        return "no answer";
    }
    // wrk counts every status above 399, expected or not, and no other.
    const double wrong = load.status >= 400 ? std::abs(requests - status) : status;
    if (wrong > (load.status >= 400 ? kEdgeBatches * load.pipeline : 0)) {
        return fmt::format("{:.0f} of {:.0f} answers have another status than {}", wrong, requests,
                           load.status);
    }
    if (bytes < requests * static_cast<double>(load.body_bytes.value_or(0)) * 0.98) {
        return "bodies are too short";
    }
    return "";
}

class WrkGenerator final : public Generator {
  public:
    WrkGenerator(std::string program, int cpu, std::string folder, const std::atomic<bool>* stop)
        : program_(std::move(program)), cpu_(cpu), folder_(std::move(folder)), stop_(stop) {}

    Result<Measured> run(const Load& load, const Process& server) override {
        const std::string script_path = folder_ + "/wrk.lua";
        if (auto written = write_file(script_path, script(load)); !written) {
            return std::unexpected(written.error());
        }
        const Nanos cpu_before = server.cpu();
        auto output = run_wrk(load, script_path);
        if (!output) {
            return std::unexpected(output.error());
        }
        const double cpu = static_cast<double>(server.cpu() - cpu_before);
        const std::size_t at = output->find("WRK {");
        const std::string line =
            at == std::string::npos ? "" : output->substr(at + 4, output->find('\n', at) - at - 4);
        const Json counts = Json::parse(line, nullptr, false);
        if (!counts.is_object()) {
            return fail(Status::io_error, "wrk failed: " + *output);
        }
        return read(load, counts, cpu);
    }

    std::string unable(const Load& load) const override {
        return load.connections > kConnectionsMax
                   ? "wrk cannot tell setting up so many connections from the load"
                   : "";
    }

  private:
    [[nodiscard]] Result<std::string> run_wrk(const Load& load, const std::string& script_path) {
        const auto seconds = std::max<Nanos>(1, (load.duration + kSecond / 2) / kSecond);
        auto process =
            Process::start({program_,
                            {"-t1", fmt::format("-c{}", load.connections),
                             fmt::format("-d{}s", seconds), "--timeout", "10s", "-s", script_path,
                             fmt::format("http://127.0.0.1:{}", load.port)}},
                           cpu_, folder_ + "/wrk.out");
        if (!process) {
            return std::unexpected(process.error());
        }
        for (Nanos waited = 0; !process->wait(kWrkStep); waited += kWrkStep) {
            if (stop_ != nullptr && stop_->load()) {
                return fail(Status::cancelled, "stopped");
            }
            if (waited > seconds * kSecond + kWrkTimeout) {
                return fail(Status::timed_out, "wrk does not end");
            }
        }
        return process->output();
    }

    static Result<Measured> read(const Load& load, const Json& counts, double cpu) {
        const auto number = [&](const char* name) { return counts.value(name, 0.0); };
        double requests = number("requests");
        if (const std::string wrong =
                wrong_answers(load, requests, number("bytes"), number("failed"), number("status"));
            !wrong.empty()) {
            return fail(Status::io_error, wrong);
        }
        Measured measured;
        measured.answers = static_cast<std::uint64_t>(requests);
        if (load.body_bytes && *load.body_bytes > 1'000'000) {
            // Few large bodies end within a block: count the bytes that came.
            requests = number("bytes") / static_cast<double>(*load.body_bytes);
        }
        measured.cpu_ns = cpu / requests;
        measured.rate = requests * 1e6 / std::max(1.0, number("duration_us"));
        const auto latency = [&](const char* name) {
            return static_cast<Nanos>(number(name)) * kMicrosecond;
        };
        measured.p50 = latency("p50_us");
        measured.p99 = latency("p99_us");
        measured.p999 = latency("p999_us");
        return measured;
    }

    std::string program_;
    int cpu_;
    std::string folder_;
    const std::atomic<bool>* stop_;
};

}  // namespace

std::unique_ptr<Generator> wrk_generator(std::string program, int cpu, std::string folder,
                                         const std::atomic<bool>* stop) {
    return std::make_unique<WrkGenerator>(std::move(program), cpu, std::move(folder), stop);
}

}  // namespace sluice::compare
