// Transcripts: request bytes and the response bytes they must give, written down as text. This
// header loads them and knows the site and the limits they are about; runners (over a session
// alone, over a backend) include it.
//
// FORMAT. A file holds any number of transcripts; each begins with a title and ends before the
// next.
//
//   # Title: the rule, with its section
//   > GET / HTTP/1.1\r\n          request bytes; the line's own end is no part of them
//   < HTTP/1.1 200 OK\r\n         response bytes
//   <@ name                       the lines of `define name` stand here
//   ! eof                         the peer ends its direction after all requests
//   = idle                        the state of the connection afterwards: idle, head, body, close
//                                 (over at once) or linger (over, but it reads on for a while)
//
//   define name                   followed by `| text` lines, before its first use; those of
//                                 definitions.txt hold in every file
//
// In bytes, \r \n \t \\ and \xNN mean what they do in C, and \{text*N} is N times the text. All
// requests are sent in order, and all responses are compared as one: their place between the
// requests only helps the reader. Dates are masked: write "Date: *\r\n".
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/limits.h"
#include "system/path.h"

namespace sluice::transcripts {

struct Transcript {
    std::string file;
    std::string title;
    std::string request;
    std::string response;
    bool eof = false;
    std::string end;  // idle, head, body, close, linger
};

// For gtest's messages.
inline void PrintTo(const Transcript& transcript, std::ostream* out) {
    *out << transcript.file << ": " << transcript.title;
}

inline std::string unescape(std::string_view text) {
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            bytes += text[i];
            continue;
        }
        const char kind = i + 1 < text.size() ? text[++i] : '\0';
        if (kind == 'r' || kind == 'n' || kind == 't' || kind == '\\') {
            bytes += kind == 'r' ? '\r' : kind == 'n' ? '\n' : kind == 't' ? '\t' : '\\';
        } else if (kind == 'x' && i + 2 < text.size()) {
            bytes += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
            i += 2;
        } else if (kind == '{') {
            const std::size_t close = text.find('}', i);
            const std::size_t star = text.rfind('*', close);
            if (close == std::string_view::npos || star == std::string_view::npos || star < i) {
                throw std::runtime_error("bad repetition in: " + std::string(text));
            }
            const std::string unit = unescape(text.substr(i + 1, star - i - 1));
            const int times = std::stoi(std::string(text.substr(star + 1, close - star - 1)));
            for (int n = 0; n < times; ++n) {
                bytes += unit;
            }
            i = close;
        } else {
            throw std::runtime_error("bad escape in: " + std::string(text));
        }
    }
    return bytes;
}

// For messages: one line of the format for each line of the bytes.
inline std::string escape(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\r' || c == '\n' || c == '\t' || c == '\\') {
            text += c == '\r' ? "\\r" : c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\\\";
        } else if (byte < 0x20 || byte >= 0x7f) {
            constexpr std::string_view kHex = "0123456789abcdef";
            text += {'\\', 'x', kHex[byte >> 4], kHex[byte & 0xf]};
        } else {
            text += c;
        }
        if (c == '\n') {
            text += '\n';
        }
    }
    return text;
}

// Every "Date: <IMF-fixdate>" line becomes "Date: *".
inline std::string mask_dates(std::string_view bytes) {
    constexpr std::string_view kField = "\r\nDate: ";
    constexpr std::size_t kDate = 29;
    std::string masked;
    while (true) {
        const std::size_t at = bytes.find(kField);
        const std::size_t end = at + kField.size() + kDate;
        if (at == std::string_view::npos ||
            bytes.substr(std::min(end, bytes.size()), 2) != "\r\n") {
            return masked += bytes;
        }
        masked += bytes.substr(0, at + kField.size());
        masked += '*';
        bytes.remove_prefix(end);
    }
}

// What the transcripts are about: small limits, so that they can be reached with few bytes.
inline Limits limits() {
    Limits limits;
    limits.request_line_bytes = 256;
    limits.head_bytes = 1024;
    limits.fields = 20;
    limits.body_bytes = 64;
    return limits;
}

// The site they are about, below an existing directory. All files have one date:
// Sun, 06 Nov 1994 08:49:37 GMT.
inline void make_site(const std::filesystem::path& root) {
    constexpr std::int64_t kModified = 784'111'777;
    std::string big;
    for (int i = 0; i < 10'000; ++i) {
        big += "0123456789";
    }
    std::string page;
    for (int i = 0; i < 4; ++i) {
        page += "the page in plain words\n";
    }
    // What gzip -9n makes of the page.
    constexpr std::string_view kPageInGzip(
        "\037\213\010\000\000\000\000\000\002\003\053\311\110\125\050\110\114\117\125\310"
        "\314\123\050\310\111\004\222\345\371\105\051\305\134\045\124\022\007\000\276\255"
        "\346\370\140\000\000\000",
        46);
    const std::pair<const char*, std::string> files[] = {
        {"index.html", "<p>home</p>\n"},
        {"hello.txt", "Hello, world!\n"},
        {"empty.txt", ""},
        {"digits.txt", "0123456789"},
        {"page.html", page},
        {"page.html.gz", std::string(kPageInGzip)},
        {"page.html.br", "not the page"},
        {"dir/index.html", "<p>dir</p>\n"},
        {"dir/a b.txt", "space\n"},
        {"\xe4\xb8\xad.txt", "utf-8\n"},
        {".secret", "hidden\n"},
        {".well-known/about.txt", "known\n"},
        {"big.bin", big},
        {"medium.bin", big.substr(0, 8'000)},
    };
    using namespace std::chrono;
    const auto when = file_clock::from_sys(sys_seconds{seconds{kModified}});
    for (const auto& [name, bytes] : files) {
        const std::filesystem::path path = root / to_path(name);
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path, std::ios::binary) << bytes;
        std::filesystem::last_write_time(path, when);
    }
}

using Definitions = std::map<std::string, std::string>;

// Throws std::runtime_error, with the file and the line, on anything that is not the format.
inline std::vector<Transcript> load_file(const std::filesystem::path& path,
                                         Definitions& definitions) {
    std::vector<Transcript> all;
    std::ifstream file(path);
    std::string line;
    std::string defining;
    for (int number = 1; std::getline(file, line); ++number) {
        const auto bad = [&](const std::string& why) {
            return std::runtime_error(path.string() + ":" + std::to_string(number) + ": " + why);
        };
        const std::size_t space = std::min(line.find(' '), line.size());
        const std::string mark = line.substr(0, space);
        const std::string rest = line.substr(std::min(space + 1, line.size()));
        if (line.empty()) {
            continue;
        }
        if (mark == "define") {
            defining = rest;
            definitions[defining].clear();
            continue;
        }
        if (mark == "|") {
            definitions.at(defining) += unescape(rest);
            continue;
        }
        if (mark == "#") {
            all.push_back({path.filename().string(), rest, {}, {}, false, {}});
            continue;
        }
        if (all.empty()) {
            throw bad("expected a title");
        }
        Transcript& current = all.back();
        if (mark == ">") {
            current.request += unescape(rest);
        } else if (mark == "<") {
            current.response += unescape(rest);
        } else if (mark == "<@") {
            if (!definitions.contains(rest)) {
                throw bad("no such definition: " + rest);
            }
            current.response += definitions[rest];
        } else if (line == "! eof") {
            current.eof = true;
        } else if (mark == "=") {
            current.end = rest;
        } else {
            throw bad("not understood: " + line);
        }
    }
    for (const Transcript& transcript : all) {
        if (transcript.request.empty() || transcript.end.empty()) {
            throw std::runtime_error(path.string() + ": incomplete: " + transcript.title);
        }
    }
    return all;
}

inline std::vector<Transcript> load_all(const std::filesystem::path& directory) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        if (entry.path().extension() == ".txt" && entry.path().filename() != "definitions.txt") {
            paths.push_back(entry.path());
        }
    }
    std::ranges::sort(paths);
    std::vector<Transcript> all;
    for (const std::filesystem::path& path : paths) {
        Definitions definitions;
        (void)load_file(directory / "definitions.txt", definitions);
        std::ranges::move(load_file(path, definitions), std::back_inserter(all));
    }
    return all;
}

// A test name made of a title: gtest takes only letters and digits.
inline std::string test_name(const Transcript& transcript) {
    std::string name;
    bool capital = true;
    for (const char c : std::filesystem::path(transcript.file).stem().string() + " " +
                            transcript.title.substr(0, transcript.title.find('('))) {
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) {
            capital = true;
        } else {
            name += capital ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
            capital = false;
        }
    }
    return name;
}

}  // namespace sluice::transcripts
