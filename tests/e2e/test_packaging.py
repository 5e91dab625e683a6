"""What packaging/ promises: under its seccomp profile the server does all its work, io_uring
included; the unit and the profile name nothing that does not exist."""

import configparser
import ctypes
import ctypes.util
import json
import os
import shlex
import signal
import subprocess
import unittest

from harness import BINARY, TREE, ServerCase, main, on_each_backend, sanitizer

PACKAGING = os.path.join(TREE, "packaging")
ALLOW, ERRNO = 0x7FFF0000, 0x00050000


def profile():
    with open(os.path.join(PACKAGING, "seccomp.json"), encoding="utf-8") as file:
        return json.load(file)


def apply_profile():
    """For a child: the profile's rules, loaded by libseccomp as a container engine does."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    read = profile()
    context = ctypes.c_void_p(library.seccomp_init(ERRNO | read["defaultErrnoRet"]))
    for group in read["syscalls"]:
        assert group["action"] == "SCMP_ACT_ALLOW"
        for name in group["names"]:
            number = library.seccomp_syscall_resolve_name(name.encode())
            assert number != -1, f"no system call {name}"
            # Names of other architectures resolve to negative numbers, which mean nothing here.
            if number >= 0:
                assert library.seccomp_rule_add(context, ALLOW, number, 0) == 0, name

    def apply():
        if library.seccomp_load(context) != 0:
            raise OSError("seccomp_load")

    return apply


@on_each_backend
class Profile(ServerCase):
    def test_the_server_works_under_it(self):
        if sanitizer():
            # A sanitizer's run-time makes calls of its own; the profile is for the real binary.
            self.assertIn(sanitizer(), ("asan", "tsan"))
            return
        self.put("index.html", b"page")
        self.put("big.bin", b"\x07" * 5_000_000)
        log = os.path.join(self.work, "log")
        path = os.path.join(self.work, "socket")
        server = self.serve("--access-log", log, "--memory-budget", "1m", workers=2,
                            listen=["127.0.0.1:0", "[::1]:0", f"unix:{path}"], preexec=apply_profile())
        for address in server.addresses:
            with server.connect(address) as client:
                self.assertEqual(b"page", client.ask("/").body)
                self.assertEqual(5_000_000, len(client.ask("/big.bin").body))
        self.put("later.html", b"later")
        with server.connect() as client:
            self.eventually(lambda: client.ask("/later.html").body == b"later")
        os.rename(log, log + ".1")
        server.signal(signal.SIGUSR1)
        self.eventually(lambda: os.path.exists(log))


class Unit(unittest.TestCase):
    def test_its_command_line_is_understood(self):
        unit = configparser.RawConfigParser(strict=False)
        unit.read(os.path.join(PACKAGING, "sluice.service"))
        line = shlex.split(unit["Service"]["ExecStart"])
        self.assertEqual("sluice", os.path.basename(line[0]))
        # The root of the unit does not exist here: a good command line gets exactly that far.
        line[line.index("/srv/www")] = "/nonexistent-root"
        run = subprocess.run([BINARY, *line[1:]], stdin=subprocess.DEVNULL, capture_output=True,
                             text=True, timeout=30, check=False)
        self.assertEqual(1, run.returncode, run.stderr)
        self.assertIn("/nonexistent-root", run.stderr)


if __name__ == "__main__":
    main()
