#include "report/document.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/escape.h"
#include "report/style.h"

namespace sluice::report {

namespace {

// `code` and **strong**, in escaped text.
std::string inline_html(std::string_view text) {
    std::string out;
    bool in_code = false;
    bool strong = false;
    const std::string escaped = html_escape(text);
    for (std::size_t i = 0; i < escaped.size(); ++i) {
        if (escaped[i] == '`') {
            out += in_code ? "</code>" : "<code>";
            in_code = !in_code;
        } else if (!in_code && escaped.compare(i, 2, "**") == 0) {
            out += strong ? "</strong>" : "<strong>";
            strong = !strong;
            ++i;
        } else {
            out += escaped[i];
        }
    }
    out += in_code ? "</code>" : "";
    out += strong ? "</strong>" : "";
    return out;
}

std::string_view name_of(Tone tone) {
    switch (tone) {
        case Tone::plain: break;
        case Tone::soft: return "soft";
        case Tone::good: return "good";
        case Tone::bad: return "bad";
    }
    return "";
}

std::string_view name_of(ColumnKind kind) {
    switch (kind) {
        case ColumnKind::number: break;
        case ColumnKind::words: return "words";
        case ColumnKind::text: return "long";
    }
    return "";
}

template <typename Kind>
std::string class_of(Kind kind) {
    const std::string_view name = name_of(kind);
    return name.empty() ? "" : fmt::format(" class=\"{}\"", name);
}

std::string cell_html(const Cell& cell, ColumnKind kind, std::size_t columns) {
    std::string text = inline_html(cell.text);
    if (!cell.anchor.empty()) {
        text = fmt::format("<a href=\"#{}\">{}</a>", html_escape(cell.anchor), text);
    }
    if (cell.tone != Tone::plain) {
        text = fmt::format("<span{}>{}</span>", class_of(cell.tone), text);
    }
    return fmt::format(
        "<td{}{}{}>{}</td>", class_of(kind),
        columns > 1 ? fmt::format(" colspan=\"{}\"", columns) : "",
        cell.hint.empty() ? "" : fmt::format(" title=\"{}\"", html_escape(cell.hint)), text);
}

std::string id_of(std::string_view anchor) {
    return anchor.empty() ? "" : fmt::format(" id=\"{}\"", html_escape(anchor));
}

class Html final : public Document {
  public:
    explicit Html(std::string_view language) : language_(language) {}

    void title(std::string_view text) override {
        title_ = text;
        body_ += fmt::format("<h1>{}</h1>\n", inline_html(text));
    }
    void heading(int level, std::string_view text, std::string_view anchor) override {
        body_ += fmt::format("<h{}{}>{}</h{}>\n", level, id_of(anchor), inline_html(text), level);
    }
    void paragraph(std::string_view text) override {
        body_ += fmt::format("<p>{}</p>\n", inline_html(text));
    }
    void small_print(const std::vector<std::string>& lines) override {
        body_ += "<p class=\"small\">";
        for (std::size_t i = 0; i < lines.size(); ++i) {
            body_ += (i > 0 ? "<br>\n" : "") + inline_html(lines[i]);
        }
        body_ += "</p>\n";
    }
    void verdict(bool good, std::string_view text, const std::vector<Reason>& reasons) override {
        body_ += fmt::format("<div class=\"verdict{}\"><b>{}</b>\n", good ? "" : " no",
                             inline_html(text));
        if (!reasons.empty()) {
            body_ += "<dl>\n";
        }
        for (const Reason& reason : reasons) {
            body_ += fmt::format("<dt{}>{}</dt><dd>{}</dd><dd>{}</dd>\n", class_of(reason.tone),
                                 html_escape(reason.kind), html_escape(reason.name),
                                 inline_html(reason.text));
        }
        body_ += reasons.empty() ? "</div>\n" : "</dl></div>\n";
    }
    void tiles(const std::vector<Row>& values) override {
        body_ += "<div class=\"tiles\">";
        for (const Row& value : values) {
            body_ +=
                fmt::format("<div><b>{}</b>{}</div>", html_escape(value[0]), html_escape(value[1]));
        }
        body_ += "</div>\n";
    }
    void figures(const std::vector<Column>& columns,
                 const std::vector<std::vector<Cell>>& rows) override {
        body_ += "<div class=\"scroll figures\"><table>\n<thead><tr>";
        for (const Column& column : columns) {
            body_ += fmt::format("<th{}>{}</th>", class_of(column.kind), inline_html(column.title));
        }
        body_ += "</tr></thead>\n<tbody>\n";
        for (const std::vector<Cell>& row : rows) {
            body_ += "<tr>";
            for (std::size_t i = 0; i < row.size(); ++i) {
                const bool last = i + 1 == row.size() && row.size() < columns.size();
                body_ += cell_html(row[i], last ? ColumnKind::text : columns[i].kind,
                                   last ? columns.size() - i : 1);
            }
            body_ += "</tr>\n";
        }
        body_ += "</tbody></table></div>\n";
    }
    void items(const std::vector<std::string>& texts, bool numbered) override {
        const std::string_view tag = numbered ? "ol" : "ul";
        body_ += fmt::format("<{}>\n", tag);
        for (const std::string& text : texts) {
            body_ += fmt::format("<li>{}</li>\n", inline_html(text));
        }
        body_ += fmt::format("</{}>\n", tag);
    }
    void table(const Row& head, const std::vector<Row>& rows) override {
        constexpr std::size_t kShort = 8;  // printing does not split it
        body_ += fmt::format("<div class=\"scroll{}\"><table>\n<thead><tr>",
                             rows.size() <= kShort ? " short" : "");
        for (const std::string& cell : head) {
            body_ += fmt::format("<th>{}</th>", inline_html(cell));
        }
        body_ += "</tr></thead>\n<tbody>\n";
        for (const Row& row : rows) {
            body_ += "<tr>";
            for (const std::string& cell : row) {
                body_ += fmt::format("<td>{}</td>", inline_html(cell));
            }
            body_ += "</tr>\n";
        }
        body_ += "</tbody></table></div>\n";
    }
    void code(std::string_view text) override {
        body_ += fmt::format("<pre>{}</pre>\n", html_escape(text));
    }
    void remark(Severity severity, std::string_view text) override {
        body_ +=
            fmt::format("<p class=\"remark {}\">{}</p>\n", to_string(severity), inline_html(text));
    }
    void drawing(std::string_view svg, std::string_view text, std::string_view caption) override {
        (void)text;
        body_ += fmt::format(
            "<figure>\n{}\n{}</figure>\n", svg,
            caption.empty() ? ""
                            : fmt::format("<figcaption>{}</figcaption>", inline_html(caption)));
    }
    void profile(const std::vector<Row>& facts, std::string_view logo_type,
                 std::string_view logo) override {
        body_ += "<div class=\"profile\">\n";
        if (!logo.empty()) {
            body_ += fmt::format("<img alt=\"LOGO\" src=\"data:{};base64,{}\">\n",
                                 html_escape(logo_type), base64(logo));
        }
        body_ += "<dl>\n";
        for (const Row& fact : facts) {
            body_ +=
                fmt::format("<dt>{}</dt><dd>{}</dd>\n", html_escape(fact[0]), html_escape(fact[1]));
        }
        body_ += "</dl></div>\n";
    }
    void page(std::string_view html, std::string_view picture_source, std::string_view picture_type,
              std::string_view picture, std::string_view caption) override {
        std::string shown(html);
        const std::string data =
            fmt::format("data:{};base64,{}", html_escape(picture_type), base64(picture));
        const std::string attribute = fmt::format("src=\"{}\"", picture_source);
        for (std::size_t at = 0; !picture.empty() && !picture_source.empty() &&
                                 (at = shown.find(attribute, at)) != std::string::npos;) {
            const std::string filled = fmt::format("src=\"{}\"", data);
            shown.replace(at, attribute.size(), filled);
            at += filled.size();
        }
        body_ += fmt::format(
            "<figure class=\"page\">\n<iframe sandbox title=\"{0}\" srcdoc=\"{1}\"></iframe>\n"
            "<figcaption>{0}</figcaption></figure>\n",
            html_escape(caption), html_escape(shown));
    }
    std::string finish() override {
        // The policy keeps a captured page from fetching or running anything.
        return fmt::format(
            "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
            "img-src data:; style-src 'unsafe-inline'\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
            "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n{}</main>\n</body>\n"
            "</html>\n",
            html_escape(language_), html_escape(title_), kStyleSheet, body_);
    }

  private:
    const std::string language_;
    std::string title_;
    std::string body_;
};

// Escapes what Markdown would take for markup. Nothing is markup between back quotes.
std::string inline_markdown(std::string_view text, bool in_table) {
    std::string out;
    bool in_code = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        in_code ^= c == '`';
        if (in_table && c == '|') {
            out += "\\|";
        } else if (c == '\n') {
            out += ' ';
        } else if (!in_code && (c == '<' || c == '_' || c == '[' || c == ']' || c == '#')) {
            out += '\\';
            out += c;
        } else if (!in_code && c == '*' && text.compare(i, 2, "**") == 0) {
            out += "**";
            ++i;
        } else if (!in_code && c == '*') {
            out += "\\*";
        } else {
            out += c;
        }
    }
    return out;
}

class Markdown final : public Document {
  public:
    void title(std::string_view text) override { line("# ", text); }
    void heading(int level, std::string_view text, std::string_view anchor) override {
        (void)anchor;
        line(level == 2 ? "## " : "### ", text);
    }
    void small_print(const std::vector<std::string>& lines) override {
        for (const std::string& text : lines) {
            line("", text);
        }
    }
    void verdict(bool good, std::string_view text, const std::vector<Reason>& reasons) override {
        (void)good;
        out_ += fmt::format("**{}**\n\n", inline_markdown(text, false));
        for (const Reason& reason : reasons) {
            out_ += fmt::format("- {}: {}: {}\n", inline_markdown(reason.kind, false),
                                inline_markdown(reason.name, false),
                                inline_markdown(reason.text, false));
        }
        out_ += reasons.empty() ? "" : "\n";
    }
    void tiles(const std::vector<Row>& values) override {
        for (const Row& value : values) {
            out_ += fmt::format("- {}: **{}**\n", inline_markdown(value[1], false),
                                inline_markdown(value[0], false));
        }
        out_ += "\n";
    }
    void figures(const std::vector<Column>& columns,
                 const std::vector<std::vector<Cell>>& rows) override {
        Row head;
        for (const Column& column : columns) {
            head.push_back(column.title);
        }
        std::vector<Row> plain;
        for (const std::vector<Cell>& cells : rows) {
            Row one;
            for (const Cell& cell : cells) {
                one.push_back(cell.text);
            }
            plain.push_back(std::move(one));
        }
        table(head, plain);
    }
    void paragraph(std::string_view text) override { line("", text); }
    void items(const std::vector<std::string>& texts, bool numbered) override {
        for (std::size_t i = 0; i < texts.size(); ++i) {
            out_ += numbered ? fmt::format("{}. ", i + 1) : "- ";
            out_ += inline_markdown(texts[i], false) + "\n";
        }
        out_ += "\n";
    }
    void table(const Row& head, const std::vector<Row>& rows) override {
        row(head);
        for (std::size_t i = 0; i < head.size(); ++i) {
            out_ += "|---";
        }
        out_ += "|\n";
        for (const Row& one : rows) {
            row(one);
        }
        out_ += "\n";
    }
    void code(std::string_view text) override {
        // A fence that is longer than any run of back quotes in the text.
        std::size_t longest = 2;
        std::size_t run = 0;
        for (const char c : text) {
            run = c == '`' ? run + 1 : 0;
            longest = std::max(longest, run);
        }
        const std::string fence(longest + 1, '`');
        out_ += fmt::format("{}\n{}{}{}\n\n", fence, text, text.ends_with('\n') ? "" : "\n", fence);
    }
    void remark(Severity severity, std::string_view text) override {
        (void)severity;
        line("> ", text);
    }
    void drawing(std::string_view svg, std::string_view text, std::string_view caption) override {
        (void)svg;
        code(text);
        line("", caption);
    }
    void page(std::string_view html, std::string_view picture_source, std::string_view picture_type,
              std::string_view picture, std::string_view caption) override {
        (void)html;
        (void)picture_source;
        (void)picture_type;
        (void)picture;
        (void)caption;
    }
    void profile(const std::vector<Row>& facts, std::string_view logo_type,
                 std::string_view logo) override {
        for (const Row& fact : facts) {
            out_ += fmt::format("- **{}**: {}\n", inline_markdown(fact[0], false),
                                inline_markdown(fact[1], false));
        }
        out_ += "\n";
        if (!logo.empty()) {
            out_ += fmt::format("![LOGO](data:{};base64,{})\n\n", logo_type, base64(logo));
        }
    }
    std::string finish() override { return out_; }

  private:
    void line(std::string_view mark, std::string_view text) {
        out_ += fmt::format("{}{}\n\n", mark, inline_markdown(text, false));
    }
    void row(const Row& cells) {
        for (const std::string& cell : cells) {
            out_ += fmt::format("| {} ", inline_markdown(cell, true));
        }
        out_ += "|\n";
    }

    std::string out_;
};

}  // namespace

std::string_view to_string(Severity severity) noexcept {
    switch (severity) {
        case Severity::lesson: return "lesson";
        case Severity::note: return "note";
        case Severity::warning: return "warning";
        case Severity::problem: return "problem";
    }
    return "";
}

std::unique_ptr<Document> make_html(std::string_view language) {
    return std::make_unique<Html>(language);
}

std::unique_ptr<Document> make_markdown() {
    return std::make_unique<Markdown>();
}

}  // namespace sluice::report
