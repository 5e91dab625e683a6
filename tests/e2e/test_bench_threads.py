"""`sluice bench` with several threads: the data that they pass to each other and to the thread that
sums it up. A short run of each mode, mainly for ThreadSanitizer; test_bench checks the figures."""

import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

from harness import CAPTURE, PROGRAM, ServerCase, linux_only, main, on_each_backend


@on_each_backend
class Threads(ServerCase):
    def setUp(self):
        super().setUp()
        self.put("index.html", b"x" * 500)
        self.url = f"http://127.0.0.1:{self.serve('--server-timing').port}/"

    def bench(self, *arguments, meanwhile=None):
        process = subprocess.Popen(
            [*PROGRAM, "bench", self.url, "-t", "2", "-c", "6", "-q", "--json", "-", "--backend",
             self.backend, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        try:
            if meanwhile:
                meanwhile(process)
            out, err = process.communicate(timeout=60)
        except BaseException:
            process.kill()
            process.communicate()
            raise
        self.assertIn(process.returncode, (0, 3), out + err)
        self.assertEqual("", err)  # a sanitizer would write here
        return json.loads(out)["counts"]

    def test_by_number(self):
        for arguments in (["--verify"], ["--churn"], ["--pipeline", "4"]):
            self.assertEqual(300, self.bench("-n", "300", *arguments)["answers"], arguments)

    def test_by_time_and_in_open_loop(self):
        self.assertGreater(self.bench("-d", "1s", "--warm-up", "100ms")["answers"], 0)
        self.assertGreater(self.bench("--rate", "100", "-d", "1s")["answers"], 0)

    def test_every_report(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("csv", "hdr", "html"):
                self.bench("-n", "100", "--" + name, os.path.join(folder, name))
            self.assertLess(4, len(os.listdir(folder)))

    def test_stopped_by_a_signal(self):
        self.bench("-d", "30s", meanwhile=lambda process: (
            time.sleep(2), process.send_signal(signal.SIGINT)))

    @linux_only(CAPTURE)
    def test_with_a_capture_if_it_may(self):
        if os.geteuid() == 0:
            self.assertGreater(self.bench("-d", "1s", "--verify-wire")["answers"], 0)


if __name__ == "__main__":
    main()
