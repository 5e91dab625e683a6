#include "bench/load/response_reader.h"

namespace sluice::load {

namespace {

constexpr int kSwitchingProtocols = 101;
constexpr int kNoBody = 1;  // what llhttp's on_headers_complete answers for "skip the body"

ResponseReader& reader_of(const llhttp_t* machine) noexcept {
    return *static_cast<ResponseReader*>(machine->data);
}

}  // namespace

const llhttp_settings_t& ResponseReader::settings() noexcept {
    static const llhttp_settings_t made = [] {
        llhttp_settings_t settings;
        llhttp_settings_init(&settings);
        settings.on_headers_complete = on_head;
        settings.on_body = on_body;
        settings.on_message_complete = on_complete;
        return settings;
    }();
    return made;
}

void ResponseReader::reset(BodySink* sink) noexcept {
    llhttp_init(&machine_, HTTP_RESPONSE, &settings());
    machine_.data = this;
    sink_ = sink;
    answer_ = Answer{};
    begun_ = complete_ = to_head_ = false;
}

int ResponseReader::on_head(llhttp_t* machine) noexcept {
    ResponseReader& self = reader_of(machine);
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
        ++self.interim_;  // the answer proper follows
        return 0;
    }
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
    ++answer_.chunks_read;
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
