// What requests cost a worker outside the kernel. One thread is client and worker by turns, over
// loopback, so that every run takes the same steps; callgrind counts those inside Reactor::turn()
// (test_instructions.py), from one call of mark() to the next.
//
//   instructions BACKEND REQUESTS
//
// prints the kinds of requests in their order.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "backends/registry.h"
#include "bench/micro/site.h"
#include "content/store.h"
#include "core/check.h"
#include "core/reactor.h"
#include "http1/session.h"

// What callgrind has counted up to here is of something else than what follows.
extern "C" [[gnu::noinline]] void mark() {
    asm volatile("");
}

namespace sluice {

namespace {

constexpr int kWarm = 50;
constexpr int kSkipped = 77;             // this machine does not have the backend
constexpr std::size_t kPageBytes = 509;  // the page and the logo of the lab report
constexpr std::size_t kLogoBytes = 51'138;

class Folder {
  public:
    Folder() : path_(std::filesystem::temp_directory_path() / "sluice-instructions-XXXXXX") {
        CHECK(::mkdtemp(path_.data()) != nullptr);
        put("index.html", kPageBytes);
        put("logo.jpg", kLogoBytes);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    void put(const std::string& name, std::size_t size) const {
        CHECK(std::ofstream(path_ + '/' + name) << std::string(size, 'x'));
    }
    std::string path_;
};

class Client {
  public:
    Client(Reactor& reactor, const Endpoint& server) : reactor_(reactor) {
        socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(server.port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        CHECK(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        while (reactor_.connections() == 0) {
            reactor_.turn(0);
        }
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client() {
        ::close(socket_);
        while (reactor_.connections() != 0) {
            reactor_.turn(0);
        }
    }

    // Of an answer that is `size` bytes long.
    void ask(std::string_view text, std::size_t size) {
        send(text);
        for (std::size_t got = 0; got < size;) {
            reactor_.turn(0);
            got += read();
        }
    }
    // The length of the answer, which ends when turns bring no more of it.
    [[nodiscard]] std::size_t length(std::string_view text) {
        constexpr int kTurns = 1000;
        send(text);
        std::size_t got = 0;
        for (int idle = 0; idle < kTurns; ++idle) {
            reactor_.turn(0);
            const std::size_t more = read();
            got += more;
            idle = more != 0 ? 0 : idle;
        }
        return got;
    }

  private:
    void send(std::string_view text) const {
        CHECK(::send(socket_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    }
    [[nodiscard]] std::size_t read() {
        std::size_t all = 0;
        for (;;) {
            const ssize_t got = ::recv(socket_, bytes_.data(), bytes_.size(), MSG_DONTWAIT);
            if (got <= 0) {
                CHECK(got < 0 && errno == EAGAIN);
                return all;
            }
            all += static_cast<std::size_t>(got);
        }
    }

    Reactor& reactor_;
    int socket_ = -1;
    std::array<char, 1 << 16> bytes_{};
};

std::string get(std::string_view path, std::string_view fields = {}) {
    std::string text = "GET ";
    return text.append(path).append(" HTTP/1.1\r\nHost: a\r\n").append(fields).append("\r\n");
}

void count(const char* name, Reactor& reactor, const Endpoint& server, const std::string& text,
           int times) {
    Client client(reactor, server);
    const std::size_t size = client.length(text);
    std::printf("%s\n", name);
    for (int i = 0; i < kWarm; ++i) {
        client.ask(text, size);
    }
    mark();
    for (int i = 0; i < times; ++i) {
        client.ask(text, size);
    }
    mark();
}

void run(const std::string& name, int times) {
    const Folder folder;
    http::ContentOptions content;
    content.root = folder.path();
    content.watch = false;
    content.prepare = http::prepare_heads;
    content.background_thread = false;
    auto store = http::ContentStore::open(content);
    CHECK(store);
    http::ContentView view;
    (*store)->attach(view, [] {});
    auto chosen = choose_backend(name);
    if (!chosen) {
        std::fprintf(stderr, "not counted: %s\n", chosen.error().what.c_str());
        std::exit(kSkipped);
    }
    Limits limits;
    limits.connections_per_worker = 8;
    BackendLimits backend_limits;
    backend_limits.slots = Reactor::slots(limits);
    auto backend = chosen->factory->create(backend_limits);
    CHECK(backend);
    http::Http1Factory sessions(limits, view, nullptr, 0);
    Reactor reactor(**backend, sessions, limits);
    const auto server = reactor.listen(*Endpoint::parse("127.0.0.1:0"), ListenOptions{});
    CHECK(server);
    const std::string tag = "If-None-Match: " + (*store)->newest().find("/")->etag + "\r\n";
    const std::string page = get("/");
    std::string pipelined;
    for (int i = 0; i < 16; ++i) {
        pipelined += page;
    }
    count("page", reactor, server->local, page, times);
    count("browser", reactor, server->local, std::string(micro::kBrowserRequest), times);
    count("not modified", reactor, server->local, get("/", tag), times);
    count("not found", reactor, server->local, get("/nothing"), times);
    count("logo", reactor, server->local, get("/logo.jpg"), times);
    count("pipelined x16", reactor, server->local, pipelined, times);
    reactor.stop();
    while (!reactor.finished()) {
        reactor.turn(0);
    }
    (*store)->detach(view);
}

}  // namespace

}  // namespace sluice

int main(int argc, char** argv) {
    CHECK(argc == 3);
    sluice::run(argv[1], std::atoi(argv[2]));
    return 0;
}
