// The report: what the assignment asks for, from captured frames alone, in English or Chinese. The
// document writes it as HTML or Markdown.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "report/document.h"
#include "wire/record.h"

namespace sluice::wire {

using report::Document;
using report::make_markdown;
using report::Row;

[[nodiscard]] inline std::unique_ptr<Document> make_html(Language language) {
    return report::make_html(language == Language::zh ? "zh-CN" : "en");
}

// A connection of the lab whose purpose is known. Its client's port identifies it.
struct ReportScenario {
    std::string id;
    std::uint16_t client_port = 0;
};

struct ReportOptions {
    Language language = Language::en;
    bool show_secrets = false;
    std::string source;  // the file, or how the capture was made
    bool lab = false;
    std::string server_command;  // what started the server, where we did
    bool browser = false;        // with `lab`: connections of no scenario are Chromium's
    std::vector<ReportScenario> scenarios;
};

// Returns the finished document.
[[nodiscard]] std::string write_report(Document& document, const Record& record,
                                       const ReportOptions& options);

}  // namespace sluice::wire
