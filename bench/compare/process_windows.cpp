#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "bench/compare/connection.h"
#include "bench/compare/process.h"
#include "bench/load/system.h"
#include "system/path.h"
#include "system/win32.h"
// after windows.h
#include <psapi.h>

namespace sluice::compare {

namespace {

constexpr Nanos kStopTimeout = 2 * kSecond;  // from Ctrl-Break to TerminateProcess

// One argument as CommandLineToArgvW splits it: backslashes before a quote count double.
std::wstring quoted(const std::wstring& argument) {
    std::wstring text = L"\"";
    std::size_t slashes = 0;
    for (const wchar_t c : argument) {
        if (c == L'"') {
            text.append(slashes + 1, L'\\');
        }
        slashes = c == L'\\' ? slashes + 1 : 0;
        text += c;
    }
    text.append(slashes, L'\\');
    return text + L'"';
}

std::wstring command_line(const Command& command) {
    std::wstring line = quoted(win32::to_wide(command.program).value_or(L""));
    for (const std::string& argument : command.arguments) {
        line += L' ' + quoted(win32::to_wide(argument).value_or(L""));
    }
    return line;
}

// Our environment and what is added: each "NAME=value" ends with a zero, and the block with one
// more.
std::wstring environment_of(const Command& command) {
    std::wstring block;
    for (const std::string& one : command.environment) {
        block += win32::to_wide(one).value_or(L"") + L'\0';
    }
    wchar_t* ours = ::GetEnvironmentStringsW();
    for (const wchar_t* one = ours; one != nullptr && *one != L'\0';) {
        const std::wstring_view text(one);
        block.append(text).push_back(L'\0');
        one += text.size() + 1;
    }
    ::FreeEnvironmentStringsW(ours);
    return block + L'\0';
}

HANDLE open_inherited(const wchar_t* path, DWORD access, DWORD disposition) {
    SECURITY_ATTRIBUTES inherited{sizeof inherited, nullptr, TRUE};
    return ::CreateFileW(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited, disposition,
                         FILE_ATTRIBUTE_NORMAL, nullptr);
}

// A job whose processes end when its last handle is closed, as it is when we end.
HANDLE make_job() {
    HANDLE job = ::CreateJobObjectW(nullptr, nullptr);
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    (void)::SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
    return job;
}

PROCESS_MEMORY_COUNTERS memory_of(HANDLE process) {
    PROCESS_MEMORY_COUNTERS counters{};
    counters.cb = sizeof counters;
    (void)::GetProcessMemoryInfo(process, &counters, sizeof counters);
    return counters;
}

}  // namespace

// The process, and the job that holds it and its descendants.
struct Process::System {
    HANDLE process = nullptr;
    HANDLE job = nullptr;
};

Result<Process> Process::start(const Command& command, int cpu, const std::string& output_path,
                               Priority /*priority*/) {
    HANDLE output = open_inherited(win32::to_wide(output_path).value_or(L"").c_str(), GENERIC_WRITE,
                                   CREATE_ALWAYS);
    if (output == INVALID_HANDLE_VALUE) {
        const DWORD error = ::GetLastError();
        return fail(Status::io_error, output_path + ": " + win32::text_of(error),
                    static_cast<int>(error));
    }
    HANDLE nothing = open_inherited(L"NUL", GENERIC_READ, OPEN_EXISTING);
    STARTUPINFOW how{};
    how.cb = sizeof how;
    how.dwFlags = STARTF_USESTDHANDLES;
    how.hStdInput = nothing;
    how.hStdOutput = how.hStdError = output;
    std::wstring line = command_line(command);
    std::wstring environment = environment_of(command);
    PROCESS_INFORMATION made{};
    // Suspended until it is in its job and on its CPU.
    const bool started =
        ::CreateProcessW(nullptr, line.data(), nullptr, nullptr, TRUE,
                         CREATE_NEW_PROCESS_GROUP | CREATE_SUSPENDED | CREATE_UNICODE_ENVIRONMENT,
                         environment.data(), nullptr, &how, &made) != 0;
    const DWORD error = started ? 0 : ::GetLastError();
    ::CloseHandle(output);
    ::CloseHandle(nothing);
    if (!started) {
        return fail(Status::io_error,
                    command.program + " cannot be started: " + win32::text_of(error),
                    static_cast<int>(error));
    }
    HANDLE job = make_job();
    (void)::AssignProcessToJobObject(job, made.hProcess);
    (void)::SetProcessAffinityMask(made.hProcess, DWORD_PTR{1} << cpu);
    ::ResumeThread(made.hThread);
    ::CloseHandle(made.hThread);
    Process process(static_cast<int>(made.dwProcessId), output_path);
    process.system_ = std::make_shared<System>(System{made.hProcess, job});
    return process;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      system_(std::move(other.system_)),
      output_path_(std::move(other.output_path_)) {}

bool Process::running() const {
    return pid_ > 0 && ::WaitForSingleObject(system_->process, 0) == WAIT_TIMEOUT;
}

bool Process::wait(Nanos timeout) const {
    return pid_ <= 0 ||
           ::WaitForSingleObject(system_->process, static_cast<DWORD>(timeout / kMillisecond)) !=
               WAIT_TIMEOUT;
}

// A process group can only be sent Ctrl-Break; without a console even that is not possible.
void Process::stop() {
    if (pid_ <= 0) {
        return;
    }
    if (::GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, static_cast<DWORD>(pid_)) != 0) {
        (void)wait(kStopTimeout);
    }
    ::TerminateJobObject(system_->job, 1);
    ::TerminateProcess(system_->process, 1);
    (void)wait(kStopTimeout);
    ::CloseHandle(system_->process);
    ::CloseHandle(system_->job);
    pid_ = -1;
}

std::uint64_t Process::resident_bytes() const {
    return memory_of(system_->process).WorkingSetSize;
}

std::uint64_t Process::peak_resident_bytes() const {
    return memory_of(system_->process).PeakWorkingSetSize;
}

bool Process::listens_at(std::uint16_t port) const {
    const load::ServerProcesses found = load::find_server(loopback(port));
    return std::ranges::all_of(found.pids, [&](int pid) { return pid == pid_; });
}

std::optional<Nanos> exact_cpu_of(const std::vector<int>& /*pids*/) {
    return std::nullopt;
}

bool take_priority(Priority priority) {
    return priority == Priority::ordinary;
}

// Servers for Windows do their work in the process that was started.
std::vector<int> process_tree(int pid) {
    return {pid};
}

bool is_program(const std::string& path) {
    std::error_code error;
    return std::filesystem::is_regular_file(to_path(path), error);
}

std::string find_program(const std::string& name) {
    const wchar_t* path = ::_wgetenv(L"PATH");
    std::istringstream folders(path != nullptr ? win32::to_utf8(path).value_or("") : "");
    for (std::string folder; std::getline(folders, folder, ';');) {
        std::string candidate = folder;
        candidate.append("\\").append(name).append(".exe");
        if (!folder.empty() && is_program(candidate)) {
            return candidate;
        }
    }
    return "";
}

std::string own_program() {
    wchar_t path[32 * 1024];
    const DWORD size = ::GetModuleFileNameW(nullptr, path, std::size(path));
    return win32::to_utf8({path, size}).value_or("");
}

std::string own_folder() {
    const std::string program = own_program();
    return program.substr(0, program.find_last_of('\\'));
}

bool is_root() {
    return false;
}

bool pin_away_from(int cpu) {
    DWORD_PTR process = 0;
    DWORD_PTR system = 0;
    return ::GetProcessAffinityMask(::GetCurrentProcess(), &process, &system) != 0 &&
           ::SetProcessAffinityMask(::GetCurrentProcess(), process & ~(DWORD_PTR{1} << cpu)) != 0;
}

}  // namespace sluice::compare
