// The sections of the report. report.cpp writes the overview, report_tcp.cpp segments, opening,
// closing and times, report_http.cpp messages, statuses and the lab's scenarios. Only these files
// and the reconstruction include this header.
#pragma once

#include <string>
#include <string_view>

#include "wire/profile.h"
#include "wire/report.h"

namespace sluice::wire {

inline constexpr std::size_t kReportListMax = 60;  // connections, exchanges, notes in a table

// Captured text, marked as code.
[[nodiscard]] std::string literal(std::string text);

// "6", or "6–8".
[[nodiscard]] std::string frame_span(std::uint64_t first, std::uint64_t last);

// Start line, fields and their meanings, the body's framing, and the segments if there are any.
void write_http_message(Document& document, const HttpMessage& message,
                        const ReportOptions& options);
// The options of two SYN segments side by side.
struct SynColumn {
    std::string title;
    const TcpOptions* options = nullptr;
};
void write_syn_options(Document& document, const std::vector<SynColumn>& columns,
                       Language language);
// The page as a browser shows it, and its source.
void write_page(Document& document, const HttpMessage& page, const Profile& profile,
                const ReportOptions& options);

class Report {
  public:
    Report(Document& document, const Record& record, const ReportOptions& options)
        : out_(document), record_(record), options_(options) {}

    std::string write();

  private:
    [[nodiscard]] std::string say(std::string_view en, std::string_view zh) const {
        return std::string(options_.language == Language::en ? en : zh);
    }
    [[nodiscard]] std::string side(int which, const Connection& connection) const {
        return which == connection.client ? say("client", "客户端") : say("server", "服务器");
    }
    [[nodiscard]] std::string section(std::string_view en, std::string_view zh);

    void choose();
    void write_profile();
    void write_server();
    void write_capture();
    void write_flags();
    void write_handshake();
    void write_exchanges();
    void write_sequence();
    void write_phases();
    void write_waterfall();
    void write_close();
    void write_close_steps(const Connection& connection);
    void write_time_wait(const Connection& connection);
    void write_scenarios();
    void write_scenario(const ReportScenario& scenario, const ConnectionRecord& found);
    void add_exchange(const HttpExchange& exchange, std::vector<std::string>& texts) const;
    [[nodiscard]] std::string close_text(const ConnectionRecord& found) const;
    void write_statuses();
    void write_notes();
    void write_questions();

    [[nodiscard]] bool is_scenario(const ConnectionRecord& record) const;
    [[nodiscard]] bool all_loopback() const;
    [[nodiscard]] Row segment_row(const ConnectionRecord& record, std::uint64_t frame) const;
    [[nodiscard]] Row segment_head() const;
    [[nodiscard]] std::string scenario_cause(const std::string& id) const;
    [[nodiscard]] std::string scenario_title(const std::string& id) const;
    [[nodiscard]] const ConnectionRecord* by_port(std::uint16_t port) const;
    [[nodiscard]] std::string state(const EndState& state) const;

    Document& out_;
    const Record& record_;
    const ReportOptions& options_;
    const ConnectionRecord* main_ = nullptr;  // the connection that the report is about
    const HttpExchange* page_ = nullptr;
    Profile profile_;
    int sections_ = 0;
};

}  // namespace sluice::wire
