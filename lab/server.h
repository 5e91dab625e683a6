// What the lab needs beside its client: our server as a child process, and a root with a directory
// that the server redirects to.
//
// A ServerProcess stops its child when it is destroyed; a LabRoot removes the files it made.
#pragma once

#include <netinet/in.h>
#include <sys/types.h>

#include <cstdint>
#include <string>

#include "core/result.h"

namespace sluice {

class Socket {
  public:
    Socket() = default;
    explicit Socket(int handle) : handle_(handle) {}
    Socket(Socket&& other) noexcept;
    Socket& operator=(Socket&& other) noexcept;
    ~Socket() { shut(); }

    void shut();
    [[nodiscard]] int get() const { return handle_; }

  private:
    int handle_ = -1;
};

[[nodiscard]] sockaddr_in loopback(std::uint16_t port);

class ServerProcess {
  public:
    ServerProcess() = default;
    ServerProcess(const ServerProcess&) = delete;
    ServerProcess& operator=(const ServerProcess&) = delete;
    ~ServerProcess() { stop(); }

    // On 127.0.0.1; port 0 means any free one.
    [[nodiscard]] Result<void> start(const std::string& root, std::uint16_t port);
    void stop();
    [[nodiscard]] std::uint16_t port() const { return port_; }
    // As typed in a shell.
    [[nodiscard]] const std::string& command() const { return command_; }

  private:
    [[nodiscard]] Result<void> wait_ready(int lines);

    pid_t pid_ = -1;
    std::uint16_t port_ = 0;
    std::string command_;
};

// The path of a directory with an index below a root, without its final slash: the server redirects
// it. If the root has none, the lab makes a root of its own that has one.
class LabRoot {
  public:
    LabRoot() = default;
    LabRoot(const LabRoot&) = delete;
    LabRoot& operator=(const LabRoot&) = delete;
    ~LabRoot();

    [[nodiscard]] Result<void> find(const std::string& root);
    [[nodiscard]] const std::string& target() const { return target_; }
    // Empty when the given root has such a directory.
    [[nodiscard]] const std::string& own_root() const { return own_root_; }

  private:
    std::string target_;
    std::string own_root_;
};

}  // namespace sluice
