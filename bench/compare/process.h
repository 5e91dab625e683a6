// Process: a server or another program, started on one CPU: what it and its descendants cost, and
// its end.
//
// It leads a process group of its own, so that Ctrl-C on the terminal reaches us alone and its
// workers end with it. When we die, for whatever reason, it is told to end (prctl(2),
// PR_SET_PDEATHSIG; on Windows its job ends with us). Its output goes to a file. Start it from a
// thread that outlives it: PDEATHSIG is sent when that thread ends. Most of this has one
// implementation for each system.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace sluice::compare {

// The scheduling priority of a thread and of what it starts.
enum class Priority : std::uint8_t { ordinary, raised, real_time };
[[nodiscard]] std::string_view to_string(Priority priority);

struct Command {
    std::string program;  // a path
    std::vector<std::string> arguments = {};
    std::vector<std::string> environment = {};  // added: "NAME=value"
};

class Process {
  public:
    [[nodiscard]] static Result<Process> start(const Command& command, int cpu,
                                               const std::string& output_path,
                                               Priority priority = Priority::ordinary);
    Process(Process&& other) noexcept;
    Process& operator=(Process&&) = delete;
    ~Process() { stop(); }

    [[nodiscard]] int pid() const { return pid_; }
    [[nodiscard]] bool running() const;
    // Waits for it to end by itself; false when it has not within `timeout`.
    [[nodiscard]] bool wait(Nanos timeout) const;
    // Asks it to end, kills it after two seconds, and waits.
    void stop();
    // Whether it or a descendant, and nobody else, listens at that port of 127.0.0.1. True also
    // where the system does not let us look into the process.
    [[nodiscard]] bool listens_at(std::uint16_t port) const;
    // The last line that it printed.
    [[nodiscard]] std::string last_line() const;
    [[nodiscard]] std::string output() const;

    // Of the process and its descendants. cpu(): of every thread, by the scheduler's own clock
    // (/proc/PID/task/*/schedstat, nanoseconds); threads that have ended are not counted. On
    // Windows the times of the processes, in ticks of the system.
    [[nodiscard]] Nanos cpu() const;
    [[nodiscard]] std::uint64_t resident_bytes() const;
    [[nodiscard]] std::uint64_t peak_resident_bytes() const;

  private:
    struct System;  // what a system needs besides the pid

    Process(int pid, std::string output_path) : pid_(pid), output_path_(std::move(output_path)) {}

    int pid_ = -1;
    std::shared_ptr<System> system_;  // none on Linux
    std::string output_path_;
};

// CPU time of processes so far, for frequent reading: exact while they run, ended threads included.
// None where the system only counts ticks (Windows).
[[nodiscard]] std::optional<Nanos> exact_cpu_of(const std::vector<int>& pids);

// Sets it for the calling thread and what that starts; false when the system refuses.
[[nodiscard]] bool take_priority(Priority priority);
// The highest that the system lets us have.
[[nodiscard]] Priority highest_priority();

// A process and its descendants, by /proc.
[[nodiscard]] std::vector<int> process_tree(int pid);
// The path of a program: on the PATH, or where servers are installed. Empty: not found.
[[nodiscard]] std::string find_program(const std::string& name);
[[nodiscard]] bool is_program(const std::string& path);
// A path that starts our own binary, and the folder of the binary.
[[nodiscard]] std::string own_program();
[[nodiscard]] std::string own_folder();
// As root, some servers must be told which user to run as.
[[nodiscard]] bool is_root();
// Lets the calling thread and what it starts run on every usable CPU except this one.
[[nodiscard]] bool pin_away_from(int cpu);

}  // namespace sluice::compare
