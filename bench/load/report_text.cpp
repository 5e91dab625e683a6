#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bench/load/report.h"
#include "report/format.h"

namespace sluice::load {

namespace {

using report::bytes_human;
using report::count_human;
using report::duration_human;
using report::rate_human;

constexpr std::size_t kWidth = 96;   // of a line
constexpr std::size_t kNames = 12;   // of the column of names
constexpr std::size_t kColumn = 8;   // "99.9 ms" and a space
constexpr std::size_t kCounts = 12;  // "99,999,999" and a little more

// Breaks `text` between words; the first line has `used` columns in use, the others an indent.
std::string wrapped(std::string_view text, std::size_t used, std::size_t indent) {
    std::string lines;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        if (used + word.size() > kWidth && used > indent) {
            lines.back() = '\n';
            lines.append(indent, ' ');
            used = indent;
        }
        lines.append(word).append(" ");
        used += word.size() + 1;
        text.remove_prefix(std::min(text.size(), word.size() + 1));
    }
    if (!lines.empty()) {
        lines.back() = '\n';
    }
    return lines;
}

std::string validity_block(const Report& report) {
    std::string text = report.validity.valid()
                           ? "\nVALID: nothing speaks against these numbers\n"
                           : "\nINVALID: do not rely on these numbers; the reasons are marked\n";
    for (const Finding& finding : report.validity.findings) {
        const std::string start =
            fmt::format("  {:<8}{:<10} ", to_string(finding.level), finding.name);
        text += start + wrapped(finding.text, start.size(), start.size());
    }
    return text;
}

std::string row_line(const Row& row) {
    const Histogram& values = row.values;
    std::string line = fmt::format("  {:<{}}", row.name, kNames);
    for (const Quantile& quantile : kQuantiles) {
        line +=
            fmt::format("{:>{}}", duration_human(known_quantile(values, quantile.share)), kColumn);
    }
    for (const std::string& text : {duration_human(values.max()), duration_human(values.mean()),
                                    duration_human(values.deviation())}) {
        line += fmt::format("{:>{}}", text, kColumn);
    }
    return line + fmt::format("{:>{}}\n", count_human(values.count()), kCounts);
}

std::string table(std::string_view title, const std::vector<Row>& rows) {
    std::string text = fmt::format("\n{:<{}}", title, kNames + 2);
    for (const Quantile& quantile : kQuantiles) {
        text += fmt::format("{:>{}}", quantile.name, kColumn);
    }
    for (const char* name : {"max", "mean", "sd"}) {
        text += fmt::format("{:>{}}", name, kColumn);
    }
    text += fmt::format("{:>{}}\n", "count", kCounts);
    std::string legend;
    for (const Row& row : rows) {
        text += row_line(row);
        legend += fmt::format("{}{}: {}", legend.empty() ? "" : "; ", row.name, row.meaning);
    }
    return text + "  " + wrapped(legend, 2, 2);
}

std::string status_line(const Tally& total) {
    std::string text;
    for (std::size_t code = 0; code < total.status.size(); ++code) {
        if (total.status[code] > 0) {
            text += fmt::format("{}{} x {}", text.empty() ? "" : ", ",
                                count_human(total.status[code]), code);
        }
    }
    return text;
}

std::string closes_line(const Tally& total) {
    std::string text = fmt::format("{} opened", count_human(total.connections()));
    for (std::size_t i = 0; i < kCloses; ++i) {
        if (total.closes[i] > 0) {
            text += fmt::format("; {} {}", count_human(total.closes[i]),
                                to_string(static_cast<Close>(i)));
        }
    }
    return text;
}

}  // namespace

std::string describe_load(const Report& report) {
    const Plan& plan = report.plan;
    std::vector<std::string> servers;
    servers.reserve(plan.servers.size());
    for (const Endpoint& server : plan.servers) {
        servers.push_back(server.to_string());
    }
    std::string text = fmt::format(
        "{} connection{} to {}, {} thread{} on {} ({})", plan.connections,
        plan.connections == 1 ? "" : "s", fmt::join(servers, " and "), plan.threads,
        plan.threads == 1 ? "" : "s", report.outcome.threads[0].backend, report.backend_why);
    if (plan.pipeline > 1) {
        text += fmt::format(", {} requests at once on each", plan.pipeline);
    }
    if (plan.churn > 0) {
        text += plan.churn == 1
                    ? ", a new connection for each request"
                    : fmt::format(", a new connection for each {} requests", plan.churn);
    }
    if (!plan.replay.empty()) {
        return text + fmt::format("; open loop: {} requests of a log, as spaced there",
                                  count_human(plan.replay.size()));
    }
    if (plan.open_loop()) {
        return text +
               fmt::format("; open loop: requests leave at instants fixed before ({}, seed {})",
                           plan.arrivals == ArrivalKind::uniform ? "evenly spaced" : "Poisson",
                           plan.seed);
    }
    return text +
           "; closed loop: each connection sends its next request when it has the answer, so a "
           "slow server is asked less often (--rate asks however slow it is)";
}

std::string title_of(const Plan& plan) {
    const std::size_t more = plan.requests.size() - 1;
    return plan.requests[0].url + (more > 0 ? fmt::format(" and {} more", more) : "");
}

std::vector<Row> latency_rows(const Plan& plan, const Tally& total) {
    std::vector<Row> rows;
    const auto add = [&](std::string name, const char* meaning, Histogram values) {
        rows.push_back({std::move(name), meaning, std::move(values)});
    };
    const auto copy = [](const Histogram& from) {
        Histogram to;
        to.merge(from);
        return to;
    };
    add("response", plan.open_loop() ? "planned instant to last byte" : "place free to last byte",
        copy(total.response));
    add("service", "send to last byte", total.service_all());
    add("lateness", plan.open_loop() ? "planned instant to send" : "could have been sent to send",
        copy(total.lateness));
    add("write", "sends that had to wait: until the system took all", copy(total.write_waited));
    add("first byte", "send to first byte", total.first_byte_all());
    add("transfer", "first byte to last byte", total.transfer_all());
    add("first", "service of the first request on a connection",
        total.service_of_place(Tally::kFirst));
    add("later", "service of the others", total.service_of_place(Tally::kLater));
    for (std::size_t i = 1; i <= Tally::kClasses; ++i) {
        add(i < Tally::kClasses ? fmt::format("{}xx", i) : "beyond 5xx",
            "service of answers with such a status", total.service_of_class(i));
    }
    return rows;
}

std::vector<Row> shown_rows(const Plan& plan, const Tally& total) {
    std::vector<Row> rows = latency_rows(plan, total);
    const bool whole = total.transfer.count() == 0;
    std::erase_if(rows, [&](const Row& row) {
        const std::uint64_t count = row.values.count();
        const bool same = row.name == "first" || row.name == "later" || row.name.ends_with("xx");
        return count == 0 || (same && count == total.answers()) ||
               (whole && (row.name == "first byte" || row.name == "transfer"));
    });
    return rows;
}

std::vector<Row> handshake_rows(const Tally& total) {
    std::vector<Row> rows;
    const auto add = [&](const char* name, const char* meaning, const Histogram& values) {
        rows.push_back({name, meaning, Histogram{}});
        rows.back().values.merge(values);
    };
    add("connect", "connect() to writable: what a user waits", total.connect);
    add("kernel rtt", "SYN to SYN/ACK, by the kernel's clock", total.kernel_rtt);
    add("accept wait", "established to accepted, as the server's kernel tells (in its ticks)",
        total.accept_wait);
    add("packet lost", "connect() to writable, with a packet sent again",
        total.connect_retransmitted);
    return rows;
}

std::vector<Row> shown_handshake_rows(const Tally& total) {
    std::vector<Row> rows = handshake_rows(total);
    std::erase_if(rows, [](const Row& row) { return row.values.count() == 0; });
    return rows;
}

std::string text_report(const Report& report) {
    const Tally& total = report.outcome.total;
    std::string text = title_of(report.plan) + "\n  " + wrapped(describe_load(report), 2, 2) +
                       validity_block(report);
    if (total.answers() == 0) {
        return text;
    }
    const double window = static_cast<double>(report.outcome.window) / 1e9;
    const auto in_time = static_cast<double>(total.answers() - total.answers_after_end);
    text += fmt::format("\n{} requests per second ({} answers in {}), {}/s received\n",
                        rate_human(in_time / window), count_human(total.answers()),
                        duration_human(report.outcome.window),
                        bytes_human(static_cast<double>(total.received_bytes) / window));
    text += fmt::format("  status       {}\n", status_line(total));
    text += fmt::format("  connections  {}\n", closes_line(total));
    text += table("Requests", shown_rows(report.plan, total));
    text += table("Handshakes", shown_handshake_rows(total));
    return text;
}

std::string live_line(const Second& second, std::size_t columns) {
    const double length = in_seconds(second.to - second.from);
    const std::string parts[] = {
        fmt::format("{:>6.1f} s", in_seconds(second.to)),
        fmt::format(" {:>10}/s",
                    rate_human(length > 0 ? static_cast<double>(second.answers) / length : 0)),
        fmt::format("  response p50 {:>8}", duration_human(second.response_p50)),
        fmt::format("  p99 {:>8}", duration_human(second.response_p99)),
        fmt::format("  max {:>8}", duration_human(second.response_max)),
        fmt::format("  failed {}", count_human(second.failed)),
        second.warmup ? "  (warm-up)" : ""};
    std::string line;
    for (const std::string& part : parts) {
        if (line.size() + part.size() > columns) {
            break;
        }
        line += part;
    }
    return line;
}

std::string search_text(const Search& search) {
    std::string text =
        search.held == 0
            ? fmt::format("No rate was found that keeps {} within {}", search.objective,
                          duration_human(search.bound))
            : fmt::format("{} requests per second keep {} within {}", rate_human(search.held),
                          search.objective, duration_human(search.bound));
    if (search.held > 0 && search.failed > 0) {
        text += fmt::format("; {} do not", rate_human(search.failed));
    }
    text += ".\n";
    if (!search.ended_early.empty()) {
        text += "The search ended early: " + search.ended_early + "\n";
    }
    return text;
}

}  // namespace sluice::load
