#include "wire/document.h"

#include <fmt/format.h>

#include <cstdint>

#include "wire/output.h"

namespace sluice::wire {

namespace {

// Colours by name, dark and light by the reader's setting, ink on white on paper.
constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --ground: #f3f6fa; --card: #fff; --ink: #14263a; --soft: #55697e;
  --line: #d4deea; --accent: #0b66a3; --code: #eaf1f8; --client: #0b66a3; --server: #a04a00;
  --lesson: #0b66a3; --note: #55697e; --warning: #8a5a00; --problem: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ground: #0b1521; --card: #111f2f; --ink: #e4edf6;
  --soft: #9db1c6; --line: #26394d; --accent: #6cc4f2; --code: #0b1826; --client: #6cc4f2;
  --server: #f0a35e; --lesson: #6cc4f2; --note: #9db1c6; --warning: #f0c05e; --problem: #ff8a80; } }
@media print { :root { --ground: #fff; --card: #fff; --ink: #000; --soft: #333; --line: #999;
  --accent: #000; --code: #f2f2f2; --client: #004a80; --server: #803a00; --lesson: #004a80;
  --note: #333; --warning: #604000; --problem: #900; }
  main { max-width: none; } figure, tr, .remark { break-inside: avoid; } h2, h3 { break-after: avoid; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.7 system-ui,
  "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "WenQuanYi Micro Hei", sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
h1 { font-size: 1.8rem; line-height: 1.3; margin: .5rem 0 1.25rem; }
h2 { font-size: 1.35rem; margin: 2.5rem 0 .75rem; padding-bottom: .3rem; border-bottom: 2px solid var(--line); }
h3 { font-size: 1.08rem; margin: 1.75rem 0 .5rem; }
p { margin: .6rem 0; }
code, pre, .mono { font-family: ui-monospace, Consolas, "DejaVu Sans Mono", "WenQuanYi Micro Hei Mono", monospace; }
code { background: var(--code); padding: .05em .3em; border-radius: .25em; font-size: .9em; overflow-wrap: anywhere; }
pre { background: var(--code); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1rem;
  overflow-x: auto; font-size: .82rem; line-height: 1.5; white-space: pre-wrap; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; width: 100%; background: var(--card); font-size: .88rem; line-height: 1.5; }
th, td { border: 1px solid var(--line); padding: .35rem .6rem; text-align: left; vertical-align: top; overflow-wrap: break-word; }
th { background: var(--code); font-weight: 600; white-space: nowrap; }
td:first-child { white-space: nowrap; }
td { font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; overflow-x: auto; }
figure svg { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figure.page { padding: 0; overflow: hidden; } figure.page figcaption { padding: 0 1rem .6rem; }
iframe { display: block; width: 100%; height: 30rem; border: 0; background: #fff; }
figcaption { color: var(--soft); font-size: .85rem; margin-top: .6rem; }
.profile { display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: center; background: var(--card);
  border: 1px solid var(--line); border-radius: .8rem; padding: 1.25rem 1.5rem; }
.profile img { width: 10rem; height: 10rem; object-fit: cover; border-radius: .6rem; }
.profile dl { display: grid; grid-template-columns: max-content 1fr; margin: 0; gap: .3rem 1.5rem; font-size: 1.1rem; }
.profile dt { color: var(--soft); } .profile dd { margin: 0; font-weight: 600; }
.remark { border-left: 4px solid var(--note); background: var(--card); padding: .5rem .9rem; margin: .6rem 0; border-radius: 0 .4rem .4rem 0; }
.lesson { border-color: var(--lesson); } .warning { border-color: var(--warning); } .problem { border-color: var(--problem); }
)";

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

class Html final : public Document {
  public:
    explicit Html(Language language) : chinese_(language == Language::zh) {}

    void title(std::string_view text) override {
        title_ = text;
        body_ += fmt::format("<h1>{}</h1>\n", inline_html(text));
    }
    void heading(int level, std::string_view text) override {
        body_ += fmt::format("<h{}>{}</h{}>\n", level, inline_html(text), level);
    }
    void paragraph(std::string_view text) override {
        body_ += fmt::format("<p>{}</p>\n", inline_html(text));
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
        body_ += "<div class=\"scroll\"><table>\n<thead><tr>";
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
        body_ += fmt::format("<figure>\n{}\n<figcaption>{}</figcaption></figure>\n", svg,
                             inline_html(caption));
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
            chinese_ ? "zh-CN" : "en", html_escape(title_), kStyle, body_);
    }

  private:
    const bool chinese_;
    std::string title_;
    std::string body_;
};

// Text that Markdown would take for markup, left as it is. Inside of back quotes nothing is markup.
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
    void heading(int level, std::string_view text) override {
        line(level == 2 ? "## " : "### ", text);
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

std::unique_ptr<Document> make_html(Language language) {
    return std::make_unique<Html>(language);
}

std::unique_ptr<Document> make_markdown() {
    return std::make_unique<Markdown>();
}

std::string base64(std::string_view bytes) {
    static constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            group =
                group << 8 | (i + k < bytes.size() ? static_cast<std::uint8_t>(bytes[i + k]) : 0);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            out += i + k > bytes.size() ? '=' : kDigits[group >> (18 - 6 * k) & 63];
        }
    }
    return out;
}

}  // namespace sluice::wire
