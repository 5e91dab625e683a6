// Any bytes as what a server answers: however they are cut, the load generator's reader finds the
// same answers with the same bodies, and what follows them.
//
// Input: a byte that chooses the cuts, one whose bits say which of the first eight requests were
// HEAD, then what the server sends.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/response_reader.h"
#include "core/check.h"

namespace {

using namespace sluice::load;

class Collect final : public BodySink {
  public:
    void body(std::string_view bytes) noexcept override { text.append(bytes); }
    std::string text;
};

struct Seen {
    std::vector<std::string> answers;
    std::string bodies;
    std::string end;
    std::uint64_t interim = 0;
    std::size_t read = 0;  // up to the end of the last whole answer
    friend bool operator==(const Seen&, const Seen&) = default;
};

class Connection {
  public:
    explicit Connection(unsigned heads) : heads_(heads) { reader_.reset(&collect_); }

    void receive(std::string_view bytes) {
        while (!bytes.empty() && seen_.end.empty()) {
            const unsigned number = std::min<unsigned>(8, static_cast<unsigned>(answers()));
            const auto fed = reader_.feed(bytes, (heads_ >> number & 1U) != 0);
            CHECK(fed.bytes <= bytes.size());
            total_ += fed.bytes;
            bytes.remove_prefix(fed.bytes);
            switch (fed.outcome) {
                case ResponseReader::Outcome::more: CHECK(bytes.empty()); break;
                case ResponseReader::Outcome::answer: take_answer(); break;
                case ResponseReader::Outcome::tunnel:
                    seen_.read = total_;
                    seen_.end = "tunnel";
                    break;
                case ResponseReader::Outcome::not_http:
                    CHECK(reader_.error() != nullptr);
                    seen_.end = "not HTTP";
                    break;
            }
        }
    }
    Seen finish() {
        const bool begun = reader_.begun();
        if (seen_.end.empty() && reader_.finish()) {
            CHECK(begun);
            take_answer();
        }
        seen_.bodies.append(collect_.text);
        seen_.interim = reader_.interim();
        return seen_;
    }

  private:
    [[nodiscard]] std::size_t answers() const { return seen_.answers.size(); }
    void take_answer() {
        const Answer& answer = reader_.answer();
        CHECK(answer.status >= 100 && answer.reads > 0);
        CHECK(answer.body_bytes == collect_.text.size());
        CHECK(!reader_.begun());
        seen_.answers.push_back(
            std::to_string(answer.status) + ' ' + std::to_string(answer.body_bytes) +
            (answer.keep_alive ? " keep " : " close ") + std::to_string(answer.accept_wait));
        seen_.bodies += collect_.text + '|';
        collect_.text.clear();
        seen_.read = total_;
    }

    const unsigned heads_;
    Collect collect_;
    ResponseReader reader_;
    Seen seen_;
    std::size_t total_ = 0;
};

// In pieces of at most `longest` bytes, each in memory of its own size.
Seen read(std::string_view bytes, unsigned heads, std::size_t longest, std::uint32_t random) {
    Connection connection(heads);
    while (!bytes.empty()) {
        random = random * 1'664'525U + 1'013'904'223U;
        const std::size_t size = std::min(bytes.size(), 1 + (random >> 8) % longest);
        const std::unique_ptr<char[]> copy(new char[size]);
        bytes.copy(copy.get(), size);
        connection.receive({copy.get(), size});
        bytes.remove_prefix(size);
    }
    return connection.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
    const unsigned heads = data[1];
    Connection connection(heads);
    connection.receive(bytes);
    const Seen whole = connection.finish();
    CHECK(read(bytes, heads, 1, 0) == whole);
    CHECK(read(bytes, heads, 2 + data[0] % 64U, data[0]) == whole);
    return 0;
}
