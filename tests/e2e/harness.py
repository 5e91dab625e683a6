"""What the end-to-end tests share: a server that is started, queried and stopped, a raw client, and
classes that run once for each backend. A test file is run as `python3 test_x.py /path/to/sluice`.

Every wait has a bound; every process is stopped by its own id. A server must end with code 0 after
SIGTERM, and must not have written anything on stderr that the test did not expect."""

import contextlib
import ctypes
import errno
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BINARY = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SITE = os.path.join(TREE, "site")
# A program for Windows runs under Wine, which passes it SIGINT as Ctrl-C and no other signal.
WINDOWS = BINARY.endswith(".exe")
PROGRAM = ["sh", os.path.join(TREE, "cmake", "wine-run.sh"), BINARY] if WINDOWS else [BINARY]
WAIT = 10  # seconds; for events that should come at once

# Why a test runs on Linux only. docs/windows.md lists these, word for word (tidy/test_tree.py).
UNIX_SOCKETS = "Wine has no Unix sockets"
SIGNALS = "Wine hands SIGINT on, and no other signal"
NAMED_PIPES = "Windows has no named pipes among its files"
PIPE_ROOM = "Windows does not tell whether a pipe has room"
DESCRIPTORS = "Windows has no limit of descriptors to run into"
MODES = "Windows has no modes of files"
SECCOMP = "io_uring and seccomp are Linux's"
CAPTURE = "Windows captures for drivers only"
HANDSHAKES = "Wine tells nothing of handshakes"
FIGURES = "figures under Wine mean nothing"
GENERATOR = "the load generator is the same code there, and slow under Wine"
UNIT_STORM = "ContentStormTest.TwoReaders does the same there, in less time"


def linux_only(cause):
    """Skips a test, or a class of tests, when the program is one for Windows, and says why."""
    return unittest.skipIf(WINDOWS, cause)


def sanitizer():
    """The sanitizer that the binary was built with, if any: "asan", "tsan" or ""."""
    with open(BINARY, "rb") as binary:
        content = binary.read()
    return "asan" if b"__asan_init" in content else "tsan" if b"__tsan_init" in content else ""


def seccomp(*instructions):
    """For a child, before it becomes the server: a seccomp filter, (code, jt, jf, k) each."""

    class Filter(ctypes.Structure):
        _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte),
                    ("k", ctypes.c_uint)]

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(Filter))]

    filters = (Filter * len(instructions))(*(Filter(*one) for one in instructions))
    program = Program(len(instructions), filters)
    libc = ctypes.CDLL(None, use_errno=True)

    def apply():
        if libc.prctl(38, 1, 0, 0, 0) != 0:  # PR_SET_NO_NEW_PRIVS
            raise OSError("no_new_privs")
        if libc.prctl(22, 2, ctypes.byref(program), 0, 0) != 0:  # PR_SET_SECCOMP, a filter
            raise OSError("seccomp")

    return apply


def forbid_io_uring():
    """As in containers: the three io_uring calls (425 to 427 on every architecture) fail with
    EPERM."""
    return seccomp((0x20, 0, 0, 0),           # load the number of the call
                   (0x35, 0, 2, 425),         # at least io_uring_setup? else allow
                   (0x25, 1, 0, 427),         # above io_uring_register? allow
                   (0x06, 0, 0, 0x00050001),  # fail with errno 1, EPERM
                   (0x06, 0, 0, 0x7FFF0000))  # allow


def forbid_ipv6():
    """As on a kernel without IPv6: its sockets fail with EAFNOSUPPORT."""
    return seccomp((0x20, 0, 0, 0),
                   (0x15, 0, 3, {"x86_64": 41, "aarch64": 198}[os.uname().machine]),  # socket?
                   (0x20, 0, 0, 16),                      # load its first argument
                   (0x15, 0, 1, int(socket.AF_INET6)),
                   (0x06, 0, 0, 0x00050000 | errno.EAFNOSUPPORT),
                   (0x06, 0, 0, 0x7FFF0000))


def limit_descriptors(count):
    def apply():
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))

    return apply


class Server:
    """One `sluice serve`. It printed `addresses`: ("127.0.0.1", 40000) or a path."""

    def __init__(self, root, *arguments, backend=None, listen=("127.0.0.1:0",), preexec=None,
                 wrapper=(), environment=None, stdout=subprocess.DEVNULL, binary=None, workers=1):
        self.command = [*wrapper, *([binary] if binary else PROGRAM), "serve", root]
        for address in listen:
            self.command += ["--listen", address]
        if backend:
            self.command += ["--backend", backend]
        if workers:
            self.command += ["--workers", str(workers)]
        self.command += arguments
        self.lines, self.addresses = [], []
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
            preexec_fn=preexec, env={**os.environ, **(environment or {})}, text=True,
            errors="replace")
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.expected = len(listen)

    def _read(self):
        with self.process.stderr as lines:
            for line in lines:
                self.lines.append(line.rstrip("\n"))
                for host, port in re.findall(r"\bhttp://(\[[0-9a-f:.]+\]|[0-9.]+):(\d+)", line):
                    self.addresses.append((host.strip("[]"), int(port)))
                self.addresses += re.findall(r"\bunix:([^\s,)]+)", line)

    @property
    def pid(self):
        return self.process.pid

    @property
    def port(self):
        return self.addresses[0][1]

    @property
    def stderr(self):
        return "\n".join(self.lines)

    def wait_ready(self, seconds=60):
        end = time.monotonic() + seconds
        while len(self.addresses) < self.expected:
            if self.process.poll() is not None:
                self.reader.join(WAIT)
                raise AssertionError(f"ended with {self.process.returncode}: {self.stderr}")
            if time.monotonic() > end:
                self.kill()
                raise AssertionError(f"not ready: {self.stderr}")
            time.sleep(0.005)
        return self

    def signal(self, number=signal.SIGINT if WINDOWS else signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self, seconds=WAIT):
        """The exit code; fails when the server does not end in time."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {seconds} s: {self.stderr}") from None
        self.reader.join(WAIT)
        return code

    def kill(self):
        self.process.kill()
        self.process.wait()

    def surprises(self):
        """Lines that are not ours (a sanitizer, a failed check, libc), and our errors."""
        return [line for line in self.lines
                if line.strip() and (not line.startswith("sluice: ") or "CHECK" in line)]

    def cpu_seconds(self):
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with contextlib.suppress(FileNotFoundError):
                with open(f"/proc/{self.pid}/task/{task}/schedstat", encoding="ascii") as stat:
                    total += int(stat.read().split()[0])
        return total / 1e9

    def connect(self, address=None, **options):
        return Client(address or self.addresses[0], **options)


class Response:
    def __init__(self, version, status, reason, fields):
        self.version, self.status, self.reason, self.fields = version, status, reason, fields
        self.body = b""

    def __getitem__(self, name):
        """The value of a field, or None; a field that comes twice is a failure."""
        values = [v for n, v in self.fields if n == name.lower()]
        if len(values) > 1:
            raise AssertionError(f"{name} came {len(values)} times")
        return values[0] if values else None

    def __repr__(self):
        return f"<{self.version} {self.status} {self.fields} {len(self.body)} bytes>"


class Closed(Exception):
    """The peer ended the connection before the answer was whole."""


class Client:
    """One connection, raw bytes out, parsed answers in."""

    def __init__(self, address, timeout=WAIT * 2, receive_buffer=None):
        family = (socket.AF_UNIX if isinstance(address, str)
                  else socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(address)
        self.buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def _more(self, size=1 << 16):
        try:
            part = self.socket.recv(size)
        except ConnectionResetError:
            raise Closed("reset") from None
        if not part:
            raise Closed("end")
        self.buffer += part

    def read_head(self):
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        version, status, reason = (lines[0].split(" ", 2) + [""])[:3]
        fields = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or name != name.strip() or not name:
                raise AssertionError(f"bad field line: {line!r}")
            fields.append((name.lower(), value.strip()))
        return Response(version, int(status), reason, fields)

    def read(self, method="GET"):
        """The next answer, its body by Content-Length."""
        response = self.read_head()
        if method == "HEAD" or response.status in (204, 304) or response.status < 200:
            return response
        length = int(response["Content-Length"])
        parts, have = [self.buffer], len(self.buffer)
        while have < length:
            self.buffer = b""
            self._more(1 << 20)
            parts.append(self.buffer)
            have += len(self.buffer)
        everything = b"".join(parts)
        response.body, self.buffer = everything[:length], everything[length:]
        return response

    def take(self, length):
        """`length` bytes, or fewer when the peer closes earlier."""
        with contextlib.suppress(Closed):
            while len(self.buffer) < length:
                self._more(1 << 20)
        taken, self.buffer = self.buffer[:length], self.buffer[length:]
        return taken

    def ask(self, path="/", method="GET", fields=(), version="HTTP/1.1", body=b""):
        head = [f"{method} {path} {version}"]
        if version != "HTTP/1.0" and not any(f.lower().startswith("host:") for f in fields):
            head.append("Host: localhost")
        head += fields
        self.send("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body)
        return self.read(method)

    def at_end(self):
        """Waits for the peer's close; returns the bytes before it."""
        with contextlib.suppress(Closed):
            while True:
                self._more()
        return self.buffer


class ServerCase:
    """The body of a test class that runs on each backend (see on_each_backend)."""

    backend = None

    def run(self, result=None):
        begin = time.monotonic()
        try:
            return super().run(result)
        finally:
            taken = time.monotonic() - begin
            if taken > 5:
                print(f"{self.id()} took {taken:.1f} s", file=sys.stderr)

    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="sluice-e2e-")
        self.addCleanup(shutil.rmtree, self.work, True)
        self.root = os.path.join(self.work, "root")
        os.mkdir(self.root)

    def put(self, name, content=b"", root=None):
        path = os.path.join(root or self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(content if isinstance(content, bytes) else content.encode())
        return path

    def serve(self, *arguments, root=None, check=True, **options):
        """A running server that is stopped and checked when the test ends."""
        options.setdefault("backend", self.backend)
        server = Server(root or self.root, *arguments, **options)
        self.addCleanup(self.stop, server, check)
        return server.wait_ready()

    def stop(self, server, check=True):
        if server.process.poll() is None:
            server.signal()
            code = server.wait(WAIT * 3)
            if check:
                self.assertEqual(0, code, server.stderr)
        if check:
            self.assertEqual([], server.surprises())

    def eventually(self, condition, seconds=5, what="it"):
        end = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                self.fail(f"{what} did not happen within {seconds} s")
            time.sleep(0.02)


def refused(root, *arguments, preexec=None, binary=None):
    """Runs a server that should not start: (exit code, lines on stderr)."""
    server = Server(root, *arguments, listen=(), workers=0, preexec=preexec, binary=binary)
    return server.wait(60), [line for line in server.lines if line]


def backends():
    """The backends that this machine has. io_uring may be forbidden (containers); test_life.py tests
    the message about it."""
    if WINDOWS:
        return ["iocp"]
    run = subprocess.run([BINARY, "serve", "/nonexistent-root", "--backend", "io_uring"],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                         check=False)
    probe = subprocess.run([BINARY, "probe"], stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, timeout=60, check=False)
    available = re.search(r"^\W*io_uring\W+(available|yes)", probe.stdout, re.M | re.I)
    if not available:
        print(f"io_uring is not available here, so only epoll is tested:\n{probe.stdout}{run.stderr}",
              file=sys.stderr)
    return ["epoll", "io_uring"] if available else ["epoll"]


def on_each_backend(case):
    """Makes one TestCase of `case` for each backend."""
    module = sys.modules[case.__module__]
    for backend in BACKENDS:
        name = f"{case.__name__}_{backend}"
        made = type(name, (case, unittest.TestCase), {"backend": backend})
        made.__module__ = case.__module__
        setattr(module, name, made)
    return case


@contextlib.contextmanager
def wine_kept_running():
    """A Windows program that runs all the time: the first one starts Wine's own processes, which
    inherit its descriptors and end when it ends. ctest already runs such a program."""
    if "CTEST_RESOURCE_GROUP_COUNT" in os.environ:
        yield
        return
    subprocess.run([*PROGRAM, "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=120, check=True)  # makes Wine's files, if needed
    keeper = subprocess.Popen([*PROGRAM, "serve", SITE, "--listen", "127.0.0.1:0"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    time.sleep(1)
    try:
        yield
    finally:
        keeper.send_signal(signal.SIGINT)
        keeper.wait(WAIT)


def main():
    with wine_kept_running() if WINDOWS else contextlib.nullcontext():
        unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)


if BINARY and sanitizer() == "tsan":
    SUPPRESSIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tsan.supp")
    os.environ["TSAN_OPTIONS"] = f"{os.environ.get('TSAN_OPTIONS', '')} suppressions='{SUPPRESSIONS}'"
BACKENDS = backends() if BINARY else []
