#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "backends/posix/listeners.h"
#include "backends/posix/socket.h"
#include "bench/compare/connection.h"
#include "bench/compare/process.h"

namespace sluice::compare {

namespace fs = std::filesystem;

namespace {

constexpr Nanos kStopTimeout = 2 * kSecond;  // from SIGTERM to SIGKILL
constexpr Nanos kStep = kMillisecond;
constexpr int kRaisedNice = -10;

void sleep_for(Nanos duration) {
    const timespec time{duration / kSecond, duration % kSecond};
    ::nanosleep(&time, nullptr);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> all;
    all.reserve(texts.size() + 1);
    for (const std::string& text : texts) {
        all.push_back(const_cast<char*>(text.c_str()));
    }
    all.push_back(nullptr);
    return all;
}

// Between fork and exec only async-signal-safe calls are allowed (signal-safety(7)).
[[noreturn]] void exec_child(const char* program, char* const* arguments, char* const* environment,
                             int output, int cpu, Priority priority, pid_t parent) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) {
        ::_exit(127);  // the parent died before prctl()
    }
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(cpu), &set);
    ::sched_setaffinity(0, sizeof set, &set);
    (void)take_priority(priority);
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    std::signal(SIGPIPE, SIG_DFL);
    ::execve(program, arguments, environment);
    ::_exit(127);
}

// The value of `name` in /proc/PID/status, where it is in kB.
std::uint64_t status_bytes(int pid, const char* name) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/status");
    std::string word;
    while (file >> word) {
        if (word == name) {
            std::uint64_t kib = 0;
            file >> kib;
            return kib * 1024;
        }
    }
    return 0;
}

int parent_of(int pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    std::getline(file, line);
    // "PID (name) S PARENT": the name may hold anything.
    const std::size_t end = line.rfind(')');
    if (end == std::string::npos) {
        return 0;
    }
    std::istringstream rest(line.substr(end + 1));
    std::string state;
    int parent = 0;
    rest >> state >> parent;
    return parent;
}

}  // namespace

Result<Process> Process::start(const Command& command, int cpu, const std::string& output_path,
                               Priority priority) {
    std::vector<std::string> arguments = {command.program};
    arguments.insert(arguments.end(), command.arguments.begin(), command.arguments.end());
    std::vector<std::string> environment = command.environment;
    for (char** one = environ; *one != nullptr; ++one) {
        // Of two variables of one name, some programs take the first and some the last.
        const std::string_view inherited = *one;
        const std::string_view name = inherited.substr(0, inherited.find('=') + 1);
        if (std::ranges::none_of(command.environment, [&](const std::string& given) {
                return given.starts_with(name);
            })) {
            environment.emplace_back(inherited);
        }
    }
    const std::vector<char*> argument_pointers = pointers(arguments);
    const std::vector<char*> environment_pointers = pointers(environment);
    const int output = ::open(output_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (output < 0) {
        return fail(Status::io_error, output_path + ": " + std::strerror(errno), errno);
    }
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) {
        exec_child(command.program.c_str(), argument_pointers.data(), environment_pointers.data(),
                   output, cpu, priority, parent);
    }
    ::close(output);
    if (pid < 0) {
        return fail(Status::io_error,
                    command.program + " cannot be started: " + std::strerror(errno), errno);
    }
    ::setpgid(pid, pid);  // the child does it, too: whoever runs first
    return Process(pid, output_path);
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), output_path_(std::move(other.output_path_)) {}

// WNOWAIT does not reap the child, so that the process id stays ours until stop().
bool Process::running() const {
    siginfo_t info{};
    return pid_ > 0 &&
           ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
}

bool Process::wait(Nanos timeout) const {
    const Nanos end = posix::monotonic_now() + timeout;
    while (running()) {
        if (posix::monotonic_now() > end) {
            return false;
        }
        sleep_for(kStep);
    }
    return true;
}

void Process::stop() {
    if (pid_ <= 0) {
        return;
    }
    ::kill(pid_, SIGTERM);
    (void)wait(kStopTimeout);
    ::kill(-pid_, SIGKILL);  // its workers, and itself if it still runs
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

std::uint64_t Process::resident_bytes() const {
    std::uint64_t sum = 0;
    for (const int pid : process_tree(pid_)) {
        sum += status_bytes(pid, "VmRSS:");
    }
    return sum;
}

std::uint64_t Process::peak_resident_bytes() const {
    std::uint64_t sum = 0;
    for (const int pid : process_tree(pid_)) {
        sum += status_bytes(pid, "VmHWM:");
    }
    return sum;
}

bool Process::listens_at(std::uint16_t port) const {
    const posix::Listeners found = posix::listeners_at(loopback(port));
    const std::vector<int> tree = process_tree(pid_);  // read second: it may still grow
    if (!found.any || !found.pids.empty()) {
        return found.any && std::ranges::all_of(found.pids, [&](int pid) {
                   return std::ranges::find(tree, pid) != tree.end();
               });
    }
    // A program with capabilities (setcap(8)) hides its descriptors even from its parent.
    std::error_code error;
    return fs::directory_iterator("/proc/" + std::to_string(pid_) + "/fd", error) ==
               fs::directory_iterator() &&
           error;
}

// schedstat lags behind by what a thread has run since its last tick.
std::optional<Nanos> exact_cpu_of(const std::vector<int>& pids) {
    Nanos sum = 0;
    for (const int pid : pids) {
        clockid_t clock{};
        timespec used{};
        if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &used) != 0) {
            return std::nullopt;  // it has ended
        }
        sum += used.tv_sec * kSecond + used.tv_nsec;
    }
    return sum;
}

// Also called between fork and exec. Even the lowest real-time priority is above all ordinary work.
bool take_priority(Priority priority) {
    const sched_param lowest{.sched_priority = 1};
    switch (priority) {
        case Priority::ordinary: return true;
        case Priority::raised: return ::setpriority(PRIO_PROCESS, 0, kRaisedNice) == 0;
        case Priority::real_time: return ::sched_setscheduler(0, SCHED_RR, &lowest) == 0;
    }
    return false;
}

std::vector<int> process_tree(int pid) {
    std::multimap<int, int> children;
    std::error_code error;
    for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
         entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        if (std::isdigit(static_cast<unsigned char>(name[0])) != 0) {
            int child = 0;
            std::from_chars(name.data(), name.data() + name.size(), child);
            children.emplace(parent_of(child), child);
        }
    }
    std::vector<int> tree = {pid};
    for (std::size_t at = 0; at < tree.size(); ++at) {
        const auto [first, last] = children.equal_range(tree[at]);
        for (auto child = first; child != last; ++child) {
            tree.push_back(child->second);
        }
    }
    return tree;
}

std::string find_program(const std::string& name) {
    const char* path = std::getenv("PATH");
    // Servers may be in folders that an ordinary user's PATH lacks.
    std::istringstream folders(std::string(path != nullptr ? path : "") +
                               ":/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin");
    for (std::string folder; std::getline(folders, folder, ':');) {
        const fs::path candidate = fs::path(folder) / name;
        if (!folder.empty() && is_program(candidate.string())) {
            return candidate.string();
        }
    }
    return "";
}

bool is_program(const std::string& path) {
    return ::access(path.c_str(), X_OK) == 0 && fs::is_regular_file(path);
}

bool is_root() {
    return ::getuid() == 0;
}

// Works even when the file has been replaced.
std::string own_program() {
    return "/proc/self/exe";
}

std::string own_folder() {
    std::error_code error;
    return fs::read_symlink("/proc/self/exe", error).parent_path().string();
}

bool pin_away_from(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0) {
        return false;
    }
    CPU_CLR(static_cast<std::size_t>(cpu), &set);
    return ::sched_setaffinity(0, sizeof set, &set) == 0;
}

}  // namespace sluice::compare
