#include "wire/pcapng.h"

#include <cstring>

namespace sluice::wire {

namespace {

// All in this machine's byte order; the section header's magic tells it to readers.
template <typename T>
void put(std::string& out, T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out.append(bytes, sizeof value);
}

void pad(std::string& out) {
    out.resize((out.size() + 3) / 4 * 4, '\0');
}

void option(std::string& out, std::uint16_t code, std::string_view value) {
    put<std::uint16_t>(out, code);
    put<std::uint16_t>(out, static_cast<std::uint16_t>(value.size()));
    out += value;
    pad(out);
}

void end_options(std::string& out) {
    put<std::uint32_t>(out, 0);
}

// Cuts between characters: an option's length has 16 bits.
std::string bounded(std::string text) {
    constexpr std::size_t kMax = 60'000;
    if (text.size() > kMax) {
        text.resize(kMax);
        while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80) {
            text.pop_back();
        }
        if (!text.empty() && (static_cast<unsigned char>(text.back()) & 0x80) != 0) {
            text.pop_back();
        }
    }
    return text;
}

void name(std::string& out, std::uint16_t kind, std::string_view address, std::string_view text) {
    put<std::uint16_t>(out, kind);
    put<std::uint16_t>(out, static_cast<std::uint16_t>(address.size() + text.size() + 1));
    out += address;
    out += text;
    out.push_back('\0');
    pad(out);
}

std::uint16_t word_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(static_cast<std::uint8_t>(bytes[at]) << 8 |
                                      static_cast<std::uint8_t>(bytes[at + 1]));
}

// Overwrites the secrets in `bytes`, a copy of the frame's. The checksum follows RFC 1624 equation
// 3, byte by byte: a byte's offset in the segment makes it the high or the low half of its word.
void hide(const FrameEvent& event, char* bytes) {
    constexpr char kMask = 'x';
    const Segment* segment = event.segment;
    const char* frame = event.frame->bytes.data();
    const bool within = segment != nullptr && segment->tcp.data() >= frame &&
                        segment->tcp.data() <= frame + event.frame->bytes.size();
    const std::size_t tcp = within ? static_cast<std::size_t>(segment->tcp.data() - frame) : 0;
    std::uint64_t sum = 0;
    for (const ByteRange& range : event.hidden) {
        for (std::size_t at = range.begin; at < range.end; ++at) {
            const unsigned shift = (at - tcp) % 2 == 0 ? 8 : 0;
            const auto old = static_cast<unsigned>(static_cast<std::uint8_t>(bytes[at])) << shift;
            sum += (0xffffU - old) + (static_cast<unsigned>(kMask) << shift);
            bytes[at] = kMask;
        }
    }
    if (!within || event.checksum == Checksum::partial || sum == 0) {
        return;  // a partial checksum does not cover the payload
    }
    const std::string_view header(bytes + tcp, 20);
    sum += 0xffffU - word_at(header, 16);
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    const auto fixed = static_cast<std::uint16_t>(~sum);
    bytes[tcp + 16] = static_cast<char>(fixed >> 8);
    bytes[tcp + 17] = static_cast<char>(fixed);
}

void put_time(std::string& out, Nanos time) {
    const auto value = static_cast<std::uint64_t>(time);
    put<std::uint32_t>(out, static_cast<std::uint32_t>(value >> 32));
    put<std::uint32_t>(out, static_cast<std::uint32_t>(value));
}

}  // namespace

void Pcapng::block(std::uint32_t type, const std::string& body) {
    const auto length = static_cast<std::uint32_t>(body.size() + 12);
    const std::uint32_t edge[] = {type, length};
    auto& buffer = out_.buffer();
    buffer.append(std::string_view(reinterpret_cast<const char*>(edge), sizeof edge));
    buffer.append(body);
    buffer.append(std::string_view(reinterpret_cast<const char*>(&edge[1]), sizeof length));
}

Pcapng::Pcapng(Write write, const PcapngOptions& options)
    : out_(std::move(write)), options_(options) {
    std::string section;
    put<std::uint32_t>(section, 0x1a2b3c4d);
    put<std::uint16_t>(section, 1);
    put<std::uint16_t>(section, 0);
    put<std::int64_t>(section, -1);  // the section's length is not specified
    option(section, 4, "sluice wire");
    if (options.hides_secrets) {
        option(section, 1,
               options.language == Language::en
                   ? "Values of Authorization, Cookie and their relatives were overwritten with x."
                   : "Authorization、Cookie 等首部的值已用 x 覆盖。");
    }
    end_options(section);
    block(0x0a0d0d0a, section);

    std::string interface;
    put<std::uint16_t>(interface, static_cast<std::uint16_t>(options.link_type));
    put<std::uint16_t>(interface, 0);
    put<std::uint32_t>(interface, options.snap_length);
    if (!options.interface.empty()) {
        option(interface, 2, options.interface);
    }
    option(interface, 9, "\x09");  // stamps in nanoseconds
    end_options(interface);
    block(1, interface);

    // The only names that are true everywhere (RFC 6761 section 6.3).
    std::string names;
    name(names, 1, std::string_view("\x7f\0\0\1", 4), "localhost");
    name(names, 2, std::string(15, '\0') + '\1', "localhost");
    put<std::uint32_t>(names, 0);
    block(4, names);
}

void Pcapng::on_frame(const FrameEvent& event) {
    const Frame& frame = *event.frame;
    std::string& body = body_;
    body.clear();
    put<std::uint32_t>(body, 0);  // the interface
    put_time(body, frame.time);
    put<std::uint32_t>(body, static_cast<std::uint32_t>(frame.bytes.size()));
    put<std::uint32_t>(body, frame.length);
    const std::size_t begin = body.size();
    body += frame.bytes;
    if (!event.hidden.empty()) {
        hide(event, body.data() + begin);
    }
    pad(body);
    for (const Note& note : event.notes) {
        const RuleText& rule = text_of(note.rule);
        option(body, 1,
               bounded(fmt::format("{}: {} ({})", rule.id, sentence(note, options_.language),
                                   rule.source)));
    }
    if (!event.notes.empty()) {
        end_options(body);
    }
    block(6, body);
    out_.flush_if_full();
}

void Pcapng::on_connection(const Connection& connection, std::span<const HttpEvent> http,
                           std::span<const Note> notes) {
    (void)connection;
    (void)http;
    (void)notes;
}

void Pcapng::on_end(const Totals& totals, std::span<const Note> notes) {
    (void)notes;
    std::string body;
    put<std::uint32_t>(body, 0);
    put_time(body, totals.last_time);
    std::string count;
    put<std::uint64_t>(count, totals.frames);
    option(body, 4, count);  // frames received
    end_options(body);
    block(5, body);
    out_.flush();
}

}  // namespace sluice::wire
