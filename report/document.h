// A report's text, given once and written as HTML or as Markdown. All text that is passed in is
// plain; the writers escape it. In both, emphasis in a paragraph is `code` between back quotes and
// **strong** between double asterisks. Pure; one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "report/severity.h"

namespace sluice::report {

using Row = std::vector<std::string>;

enum class Tone : std::uint8_t { plain, soft, good, bad };

// Of a table of figures.
enum class ColumnKind : std::uint8_t {
    number,
    words,  // short, on one line
    text,
};
struct Column {
    std::string title;
    ColumnKind kind = ColumnKind::number;
};
struct Cell {
    std::string text;
    Tone tone = Tone::plain;
    std::string anchor = {};  // of the heading that it links to
    std::string hint = {};    // a tooltip
};

// What a verdict rests on.
struct Reason {
    Tone tone = Tone::plain;
    std::string kind;  // "note"
    std::string name;
    std::string text;
};

class Document {
  public:
    virtual ~Document() = default;

    virtual void title(std::string_view text) = 0;
    // 2 or 3; the anchor is a name without spaces, or empty.
    virtual void heading(int level, std::string_view text, std::string_view anchor) = 0;
    void heading(int level, std::string_view text) { heading(level, text, {}); }
    virtual void paragraph(std::string_view text) = 0;
    // Details in small print, one line below the other.
    virtual void small_print(const std::vector<std::string>& lines) = 0;
    virtual void items(const std::vector<std::string>& texts, bool numbered) = 0;
    virtual void table(const Row& head, const std::vector<Row>& rows) = 0;
    // A table of figures; its first column stays in view when the table is scrolled sideways. When
    // a row is shorter than the header, its last cell spans the columns that are left.
    virtual void figures(const std::vector<Column>& columns,
                         const std::vector<std::vector<Cell>>& rows) = 0;
    // The few values that count most, each with its label.
    virtual void tiles(const std::vector<Row>& values) = 0;
    virtual void code(std::string_view text) = 0;
    // A remark that stands out.
    virtual void remark(Severity severity, std::string_view text) = 0;
    // The overall result.
    virtual void verdict(bool good, std::string_view text, const std::vector<Reason>& reasons) = 0;
    // SVG where the format can show it, otherwise `text` as code.
    virtual void drawing(std::string_view svg, std::string_view text, std::string_view caption) = 0;
    // A captured page as a browser would show it, where the format can show it: inert, with
    // `picture` in place of what `picture_source` names.
    virtual void page(std::string_view html, std::string_view picture_source,
                      std::string_view picture_type, std::string_view picture,
                      std::string_view caption) = 0;
    // The author of the report: label and value; the logo is a picture's bytes.
    virtual void profile(const std::vector<Row>& facts, std::string_view logo_type,
                         std::string_view logo) = 0;
    [[nodiscard]] virtual std::string finish() = 0;
};

// `language` as HTML's lang has it (BCP 47): "en", "zh-CN".
[[nodiscard]] std::unique_ptr<Document> make_html(std::string_view language);
[[nodiscard]] std::unique_ptr<Document> make_markdown();

}  // namespace sluice::report
