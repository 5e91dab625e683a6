// What the lab needs around its client: our server as a child process, a root that has a directory
// to be redirected to, and a network of its own.
//
// A ServerProcess stops its child when it goes; a LabRoot removes what it made.
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

    // On 127.0.0.1; port 0 takes a free one.
    [[nodiscard]] Result<void> start(const std::string& root, std::uint16_t port);
    void stop();
    [[nodiscard]] std::uint16_t port() const { return port_; }
    // As one would type it.
    [[nodiscard]] const std::string& command() const { return command_; }

  private:
    [[nodiscard]] Result<void> wait_ready(int lines);

    pid_t pid_ = -1;
    std::uint16_t port_ = 0;
    std::string command_;
};

// A path below a root that is a directory with an index, written without its final slash: the
// server redirects it. Where the root has none, a root of our own has.
class LabRoot {
  public:
    LabRoot() = default;
    LabRoot(const LabRoot&) = delete;
    LabRoot& operator=(const LabRoot&) = delete;
    ~LabRoot();

    [[nodiscard]] Result<void> find(const std::string& root);
    [[nodiscard]] const std::string& target() const { return target_; }
    // Empty when the root itself has the directory.
    [[nodiscard]] const std::string& own_root() const { return own_root_; }

  private:
    std::string target_;
    std::string own_root_;
};

}  // namespace sluice
