#include "bench/load/response_reader.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace sluice::load {

namespace {

constexpr int kSwitchingProtocols = 101;
constexpr std::string_view kServerTiming = "server-timing";
constexpr std::uint8_t kOtherName = 0xff;
constexpr int kNoBody = 1;  // what llhttp's on_headers_complete returns for "skip the body"
constexpr int kNonsense = -1;

ResponseReader& reader_of(const llhttp_t* machine) noexcept {
    return *static_cast<ResponseReader*>(machine->data);
}

// "accept;dur=12.5" somewhere in a list of metrics; less than 0: it is not there.
Nanos accept_wait_in(std::string_view value) noexcept {
    constexpr std::string_view kMetric = "accept;dur=";
    const std::size_t at = value.find(kMetric);
    if (at == std::string_view::npos || (at > 0 && value[at - 1] != ' ' && value[at - 1] != ',')) {
        return -1;
    }
    std::string_view number = value.substr(at + kMetric.size());
    number = number.substr(0, number.find_first_of(" ,;"));
    double milliseconds = -1;
    const auto read = std::from_chars(number.data(), number.data() + number.size(), milliseconds,
                                      std::chars_format::fixed);
    const bool sound = read.ec == std::errc{} && read.ptr == number.data() + number.size() &&
                       milliseconds >= 0 && milliseconds < 3.6e6;
    return sound ? static_cast<Nanos>(milliseconds * double{kMillisecond}) : -1;
}

}  // namespace

llhttp_settings_t* ResponseReader::settings(bool with_fields) noexcept {
    static const auto make = [](bool fields) {
        llhttp_settings_t settings;
        llhttp_settings_init(&settings);
        if (fields) {
            settings.on_header_field = on_name;
            settings.on_header_value = on_value;
            settings.on_header_value_complete = on_value_end;
        }
        settings.on_headers_complete = on_head;
        settings.on_body = on_body;
        settings.on_message_complete = on_complete;
        return settings;
    };
    static std::array<llhttp_settings_t, 2> made = {make(false), make(true)};
    return &made[with_fields ? 1 : 0];
}

void ResponseReader::reset(BodySink* sink) noexcept {
    llhttp_init(&machine_, HTTP_RESPONSE, settings(true));
    machine_.data = this;
    sink_ = sink;
    answer_ = Answer{};
    name_bytes_ = value_bytes_ = 0;
    begun_ = complete_ = to_head_ = false;
}

int ResponseReader::on_name(llhttp_t* machine, const char* at, std::size_t size) noexcept {
    ResponseReader& self = reader_of(machine);
    for (std::size_t i = 0; i < size && self.name_bytes_ != kOtherName; ++i) {
        const bool same = self.name_bytes_ < kServerTiming.size() &&
                          (at[i] | 0x20) == (kServerTiming[self.name_bytes_] | 0x20);
        self.name_bytes_ = same ? static_cast<std::uint8_t>(self.name_bytes_ + 1) : kOtherName;
    }
    return 0;
}

int ResponseReader::on_value(llhttp_t* machine, const char* at, std::size_t size) noexcept {
    ResponseReader& self = reader_of(machine);
    if (self.name_bytes_ == kServerTiming.size()) {
        size = std::min(size, self.value_.size() - self.value_bytes_);
        std::memcpy(self.value_.data() + self.value_bytes_, at, size);
        self.value_bytes_ = static_cast<std::uint8_t>(self.value_bytes_ + size);
    }
    return 0;
}

int ResponseReader::on_value_end(llhttp_t* machine) noexcept {
    ResponseReader& self = reader_of(machine);
    if (self.value_bytes_ > 0) {
        self.answer_.accept_wait = accept_wait_in({self.value_.data(), self.value_bytes_});
    }
    self.name_bytes_ = self.value_bytes_ = 0;
    return 0;
}

int ResponseReader::on_head(llhttp_t* machine) noexcept {
    ResponseReader& self = reader_of(machine);
    if (machine->status_code < 100) {
        return kNonsense;  // older llhttp takes fewer than three digits (RFC 9112 section 4)
    }
    self.answer_.status = static_cast<std::uint16_t>(machine->status_code);
    // llhttp would wait for as many bytes as a 304's Content-Length says; there are none
    // (RFC 9110 section 15.4.5, RFC 9112 section 6.3).
    const int status = machine->status_code;
    const bool bodiless = self.to_head_ || status / 100 == 1 || status == 204 || status == 304;
    return bodiless ? kNoBody : 0;
}

int ResponseReader::on_body(llhttp_t* machine, const char* at, std::size_t size) noexcept {
    ResponseReader& self = reader_of(machine);
    self.answer_.body_bytes += size;
    if (self.sink_ != nullptr) {
        self.sink_->body({at, size});
    }
    return 0;
}

int ResponseReader::on_complete(llhttp_t* machine) noexcept {
    ResponseReader& self = reader_of(machine);
    if (machine->status_code / 100 == 1 && machine->status_code != kSwitchingProtocols) {
        ++self.interim_;  // the final answer follows
        return 0;
    }
    machine->settings = settings(false);
    self.answer_.keep_alive = llhttp_should_keep_alive(machine) != 0;
    self.complete_ = true;
    return HPE_PAUSED;
}

ResponseReader::Fed ResponseReader::feed(std::string_view bytes, bool to_head) noexcept {
    if (!begun_) {
        answer_ = Answer{};
        to_head_ = to_head;
        begun_ = true;
    }
    ++answer_.reads;
    const llhttp_errno_t error = llhttp_execute(&machine_, bytes.data(), bytes.size());
    if (error == HPE_OK) {
        return {Outcome::more, bytes.size()};
    }
    const auto read = static_cast<std::size_t>(llhttp_get_error_pos(&machine_) - bytes.data());
    if (error == HPE_PAUSED && complete_) {
        llhttp_resume(&machine_);
        begun_ = complete_ = false;
        return {machine_.status_code == kSwitchingProtocols ? Outcome::tunnel : Outcome::answer,
                read};
    }
    if (error == HPE_PAUSED_UPGRADE) {
        return {Outcome::tunnel, read};
    }
    return {Outcome::not_http, 0};
}

bool ResponseReader::finish() noexcept {
    if (!begun_ || llhttp_message_needs_eof(&machine_) == 0 || answer_.status == 0) {
        return false;
    }
    (void)llhttp_finish(&machine_);
    const bool whole = complete_;
    begun_ = complete_ = false;
    return whole;
}

}  // namespace sluice::load
