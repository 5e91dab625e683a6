"""Standard streams that are closed, full or broken, or that nobody reads, and a limit on the size of
files: the service goes on, and writes the missing messages later. Linux only: the tests use
descriptors, /dev/full and pipes."""

import contextlib
import os
import resource
import signal
import subprocess
import unittest

from harness import BINARY, WAIT, Client, Closed, ServerCase, main, on_each_backend

FILE_SIZE_LIMIT = 65536


def close(*descriptors):
    def apply():
        for descriptor in descriptors:
            os.close(descriptor)

    return apply


def a_full_pipe():
    """(reader, writer) of a full pipe, whose writing end blocks."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with open(writer, "wb", buffering=0, closefd=False) as pipe:
        while pipe.write(b"." * 4096):
            pass
    os.set_blocking(writer, True)
    return reader, writer


@on_each_backend
class Messages(ServerCase):
    """The address is a Unix path, because it cannot be read from the server's output."""

    def start(self, *arguments, **streams):
        self.put("index.html", b"page")
        self.address = os.path.join(self.work, "socket")
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **streams}
        process = subprocess.Popen(
            [BINARY, "serve", self.root, "--listen", f"unix:{self.address}", "--backend", self.backend,
             "--workers", "1", *arguments], stdin=subprocess.DEVNULL, **streams)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.process = process
        self.eventually(self.answers, seconds=60, what="an answer")

    def answers(self):
        with contextlib.suppress(OSError, Closed), Client(self.address) as client:
            return client.ask("/").body == b"page"
        return False

    def make_it_speak(self):
        self.process.send_signal(signal.SIGHUP)

    def check(self):
        """The server writes messages, keeps serving and ends as it should."""
        self.make_it_speak()
        os.rename(self.root, self.root + ".away")
        self.put("later.html", b"later", root=self.root + ".away")
        os.rename(self.root + ".away", self.root)
        with Client(self.address) as client:
            self.eventually(lambda: client.ask("/later.html").body == b"later")
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(0, self.process.wait(WAIT))

    def test_standard_error_is_closed(self):
        self.start(preexec_fn=close(2))
        self.check()

    def test_nobody_reads_standard_error_any_more(self):
        reader, writer = os.pipe()
        self.start(stderr=writer)
        os.close(writer)
        os.close(reader)
        self.check()

    def test_the_disk_below_standard_error_is_full(self):
        with open("/dev/full", "wb") as full:
            self.start(stderr=full)
        self.check()

    def test_a_reader_of_standard_error_that_pauses(self):
        reader, writer = a_full_pipe()
        self.addCleanup(os.close, reader)
        self.start("--access-log", os.path.join(self.work, "log"), stderr=writer)
        os.close(writer)
        for _ in range(3):
            os.rename(os.path.join(self.work, "log"), os.path.join(self.work, "old"))
            self.make_it_speak()
            self.eventually(lambda: os.path.exists(os.path.join(self.work, "log")), what="a new log")
        self.assertTrue(self.answers())
        os.read(reader, 1 << 20)
        self.make_it_speak()
        os.set_blocking(reader, False)
        text = bytearray()

        def two_lines():
            with contextlib.suppress(BlockingIOError):
                text.extend(os.read(reader, 1 << 16))
            return text.count(b"\n") >= 2

        self.eventually(two_lines, what="two lines")
        # One for the address, and three.
        self.assertEqual("sluice: 4 earlier messages were lost: standard error did not take them\n"
                         "sluice: SIGHUP: looking at the root again\n", text.decode())
        self.check()

    def log_to(self, stdout, why, **more):
        self.start("--access-log", "-", stdout=stdout, stderr=subprocess.PIPE, text=True, **more)
        self.assertFalse(os.path.realpath(f"/proc/{self.process.pid}/fd/1").startswith("socket:"))
        self.check()
        with self.process.stderr as said:
            text = said.read()
        self.assertRegex(text, rf"access log: cannot write to -: {why}; \d+ lines? dropped, and more")
        self.assertRegex(text, r"access log: \d+ lines lost in all\n")

    def test_a_log_to_standard_output_that_is_closed(self):
        self.log_to(subprocess.DEVNULL, "Bad file descriptor", preexec_fn=close(0, 1))

    def test_a_log_to_standard_output_that_nobody_reads(self):
        reader, writer = os.pipe()
        os.close(reader)
        self.log_to(writer, "Broken pipe")
        os.close(writer)

    def test_a_log_to_a_full_disk(self):
        with open("/dev/full", "wb") as full:
            self.log_to(full, "No space left on device")

    def test_a_limit_on_the_size_of_files(self):
        """The log stops growing, and files that do not fit in memory are sent from the disk."""
        content = os.urandom(3 * FILE_SIZE_LIMIT)
        self.put("large.bin", content)
        log = os.path.join(self.work, "log")

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE_LIMIT, FILE_SIZE_LIMIT))

        self.start("--access-log", log, stderr=subprocess.PIPE, text=True, preexec_fn=limit)
        with Client(self.address) as client:
            self.assertEqual(content, client.ask("/large.bin").body)
            for _ in range(1000):
                client.ask("/")
        self.check()
        self.assertEqual(FILE_SIZE_LIMIT, os.path.getsize(log))
        with self.process.stderr as said:
            text = said.read()
        self.assertIn("large files are sent from disk", text)
        self.assertRegex(text, r"cannot write to \S+: File too large; \d+ lines dropped")


class OtherCommands(unittest.TestCase):
    def run_it(self, *arguments, **streams):
        return subprocess.run([BINARY, *arguments], stdin=subprocess.DEVNULL, timeout=60, check=False,
                              text=True, **streams)

    def test_probe(self):
        with open("/dev/full", "wb") as full:
            run = self.run_it("probe", stdout=full, stderr=subprocess.PIPE)
        self.assertEqual((1, "sluice: standard output: No space left on device\n"),
                         (run.returncode, run.stderr))
        run = self.run_it("probe", stderr=subprocess.PIPE, preexec_fn=close(1))
        self.assertEqual((1, "sluice: standard output: Bad file descriptor\n"),
                         (run.returncode, run.stderr))
        self.assertEqual(1, self.run_it("probe", preexec_fn=close(0, 1, 2)).returncode)

    def test_usage(self):
        self.assertEqual(2, self.run_it("dance", preexec_fn=close(2)).returncode)

    def test_a_start_that_cannot_be(self):
        run = self.run_it("serve", "/no/such/root", preexec_fn=close(2))
        self.assertEqual(1, run.returncode)


if __name__ == "__main__":
    main()
