// Process: a server, or another program, that was started on one CPU; what it and its descendants
// cost; and its end.
//
// The process leads a group of its own, so that Ctrl-C on the terminal reaches us alone and that
// its workers end with it. It is told to end when we die, whatever we die of (prctl(2),
// PR_SET_PDEATHSIG; on Windows its job ends with us). What it prints goes to a file. Start it from
// a thread that lives on. Most of it is one implementation for each system.
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

// How a thread and what it starts stand to the other work of the machine.
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
    // Waits for it to end by itself; false when it has not within `patience`.
    [[nodiscard]] bool wait(Nanos patience) const;
    // Asks it to end, insists after two seconds, and waits.
    void stop();
    // Whether it, or a descendant, is who listens at that port of 127.0.0.1, and nobody else. True
    // also where the system lets nobody look into the process.
    [[nodiscard]] bool listens_at(std::uint16_t port) const;
    // The last line that it printed.
    [[nodiscard]] std::string last_words() const;
    [[nodiscard]] std::string output() const;

    // Of the process and its descendants. CPU: every thread's, by the scheduler's own clock
    // (/proc/PID/task/*/schedstat, nanoseconds); threads that ended took theirs with them. On
    // Windows the processes' own times, in ticks of the system's.
    [[nodiscard]] Nanos cpu() const;
    [[nodiscard]] std::uint64_t resident_bytes() const;
    [[nodiscard]] std::uint64_t peak_resident_bytes() const;

  private:
    struct System;  // what a system wants to be held beside the number

    Process(int pid, std::string output_path) : pid_(pid), output_path_(std::move(output_path)) {}

    int pid_ = -1;
    std::shared_ptr<System> system_;  // none on Linux
    std::string output_path_;
};

// The CPU time that processes have used so far, read often: exact while they run, and with that of
// threads that have ended. None where the system only counts ticks (Windows).
[[nodiscard]] std::optional<Nanos> exact_cpu_of(const std::vector<int>& pids);

// The calling thread, and what it starts, gets it; false when the system refuses.
[[nodiscard]] bool take_priority(Priority priority);
// The highest that the system lets us have.
[[nodiscard]] Priority highest_priority();

// A process and its descendants, by /proc.
[[nodiscard]] std::vector<int> process_tree(int pid);
// Where a program of that name is: on the PATH, or where servers are installed. Empty: nowhere.
[[nodiscard]] std::string find_program(const std::string& name);
[[nodiscard]] bool is_program(const std::string& path);
// Our own binary, in a form that starts it, and its folder.
[[nodiscard]] std::string own_program();
[[nodiscard]] std::string own_folder();
// Servers that share a machine want to be told whose rights to give up.
[[nodiscard]] bool is_root();
// The calling thread, and what it starts, run on every usable CPU but this one.
[[nodiscard]] bool pin_away_from(int cpu);

}  // namespace sluice::compare
