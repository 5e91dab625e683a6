"""The Windows program, tested from outside: sluice.exe runs under Wine, its clients on Linux. These
tests repeat those of the other end-to-end scripts where Windows differs: many connections at once, big
files with every kind of range, peers that are slow or vanish, the end by Ctrl-C, names that Windows
interprets differently, and a check for leaks.

SLUICE_CONNECTIONS is the number of connections of the leak check (default 1000)."""

import json
import os
import random
import re
import selectors
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
from harness import (BINARY, PROGRAM, SITE, TREE, ServerCase, main,  # pylint: disable=C0413
                     on_each_backend)

CONNECTIONS = int(os.environ.get("SLUICE_CONNECTIONS", "1000"))
BIG = random.Random(5).randbytes(10_000_000)
LOGO = "/static/computer-network.jpg"


def content(path):
    with open(path, "rb") as file:
        return file.read()


def reset(client):
    """Closes a connection by RST."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def connections_of(server):
    """The number of connections at its port that one or both ends still hold."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table][1:]
    return sum(int(row[1].partition(":")[2], 16) == server.port and row[3] in ("01", "08")
               for row in rows)  # established; closed by the client, but not by the server


@on_each_backend
class Files(ServerCase):
    def setUp(self):
        super().setUp()
        self.put("big.bin", BIG)
        self.put("index.html", b"page")

    def test_every_range_of_a_big_file(self):
        server = self.serve()
        size = len(BIG)
        with server.connect() as client:
            for wanted, part in (
                    ("0-0", BIG[:1]), ("0-65534", BIG[:65535]), ("1-65536", BIG[1:65537]),
                    ("262143-262144", BIG[262143:262145]), ("777-5000776", BIG[777:5000777]),
                    ("-1", BIG[-1:]), ("-3000000", BIG[-3000000:]), ("9999999-", BIG[-1:]),
                    ("5-", BIG[5:]), ("0-99999999", BIG)):
                answer = client.ask("/big.bin", fields=[f"Range: bytes={wanted}"])
                self.assertEqual(206, answer.status, wanted)
                self.assertTrue(answer.body == part, wanted)
            self.assertEqual(416, client.ask("/big.bin", fields=[f"Range: bytes={size}-"]).status)
            whole = client.ask("/big.bin")
            self.assertEqual(200, whole.status)
            self.assertTrue(whole.body == BIG)
            parts = client.ask("/big.bin", fields=["Range: bytes=10-400009,5000000-5399999"])
            self.assertEqual(206, parts.status)
            self.assertIn(BIG[10:400010], parts.body)
            self.assertIn(BIG[5000000:5400000], parts.body)

    def test_curl(self):
        server = self.serve()
        url = f"http://127.0.0.1:{server.port}/big.bin"
        for options in ((), ("--limit-rate", "20M"), ("--range", "100000-9000000")):
            run = subprocess.run(["curl", "-sS", "--fail", "--max-time", "30", *options, url],
                                 stdout=subprocess.PIPE, check=True)
            self.assertTrue(run.stdout == (BIG[100000:9000001] if "--range" in options else BIG))

    def test_slow_readers(self):
        server = self.serve()
        failed = []

        def read_slowly():
            with server.connect(receive_buffer=16 * 1024) as client:
                client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1999999\r\n\r\n")
                client.read_head()
                body = b""
                while len(body) < 2_000_000:
                    body += client.take(min(100_000, 2_000_000 - len(body)))
                    time.sleep(0.05)
                if body != BIG[:2_000_000]:
                    failed.append(len(body))

        readers = [threading.Thread(target=read_slowly) for _ in range(20)]
        for reader in readers:
            reader.start()
        with server.connect() as client:
            begin = time.monotonic()
            for _ in range(20):
                self.assertEqual(b"page", client.ask("/").body)
            self.assertLess(time.monotonic() - begin, 5)
        for reader in readers:
            reader.join(60)
            self.assertFalse(reader.is_alive())
        self.assertEqual([], failed)

    def test_resets_in_mid_transfer(self):
        server = self.serve()
        for turn in range(60):
            client = server.connect(receive_buffer=16 * 1024)
            client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            if turn % 3:
                client.take(50_000)
            if turn % 2:
                reset(client)
            else:
                client.close()
        with server.connect() as client:
            self.assertTrue(client.ask("/big.bin").body == BIG)

    def test_names_that_windows_reads_as_something_else(self):
        for name in ("aux.txt", "NUL", "com1.log", "dot.", "space ", "SHORT~1.TXT"):
            self.put(name, b"secret")
        server = self.serve()
        with server.connect() as client:
            for path in ("/aux.txt", "/NUL", "/com1.log", "/dot.", "/space%20", "/SHORT~1.TXT",
                         "/index.html::$DATA", "/index.html:x", "/..%5Cindex.html", "/index.html.",
                         "/index.html%20", "/C:/windows/win.ini", "/%5C%5C.%5CCON"):
                self.assertIn(client.ask(path).status, (400, 404), path)

    def test_ctrl_c_finishes_what_is_under_way(self):
        server = self.serve("--drain-timeout", "20s")
        idle = [server.connect() for _ in range(10)]
        with server.connect(receive_buffer=64 * 1024) as client:
            client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            length = int(client.read_head()["Content-Length"])
            server.signal()
            time.sleep(0.3)
            self.assertIsNone(server.process.poll())
            self.assertTrue(client.take(length) == BIG)
        self.assertEqual(0, server.wait())
        for one in idle:
            self.assertEqual(b"", one.at_end())
            one.close()


@on_each_backend
class Hardness(ServerCase):
    def setUp(self):
        super().setUp()
        self.put("big.bin", BIG)
        self.put("index.html", b"page")

    def test_readers_that_do_not_read_are_given_up(self):
        server = self.serve("--write-timeout", "1s")
        clients = [server.connect(receive_buffer=16 * 1024) for _ in range(20)]
        for client in clients:
            client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        self.eventually(lambda: connections_of(server) >= 20, 5, "connecting")
        with server.connect() as other:
            self.assertEqual(b"page", other.ask("/").body)
        self.eventually(lambda: connections_of(server) == 0, 15, "giving up")
        for client in clients:
            self.assertLess(len(client.at_end()), len(BIG))
            client.close()

    def test_a_log_on_a_full_disk(self):
        server = self.serve("--access-log", "/dev/full")
        said = len(server.lines)
        with server.connect() as client:
            for _ in range(50):
                self.assertEqual(b"page", client.ask("/").body)
        self.eventually(lambda: len(server.lines) > said, 5, "saying so")
        server.signal()
        self.assertEqual(0, server.wait())
        self.assertRegex(server.lines[said], "^sluice: access log: cannot write to /dev/full: ")
        self.assertEqual(["sluice: access log: 50 lines lost in all"], server.lines[said + 1:])

    def test_a_root_that_disappears(self):
        root = os.path.join(self.work, "gone")
        os.mkdir(root)
        self.put("index.html", b"there", root=root)
        server = self.serve(root=root)
        shutil.rmtree(root)
        self.eventually(lambda: any("is gone" in line for line in server.lines), 10, "noticing")
        with server.connect() as client:  # the page was seen to go first, or not
            self.assertIn(client.ask("/").status, (200, 404))
        os.mkdir(root)
        self.put("index.html", b"again", root=root)

        def is_back():
            with server.connect() as client:
                return client.ask("/").body == b"again"

        self.eventually(is_back, 10, "coming back")


@on_each_backend
class Many(ServerCase):
    def test_500_at_once(self):
        server = self.serve(root=SITE, workers=2)
        logo = content(SITE + LOGO)
        clients = [server.connect(timeout=60) for _ in range(500)]
        for client in clients:
            client.send(f"GET {LOGO} HTTP/1.1\r\nHost: a\r\n\r\n")
        for client in clients:
            self.assertTrue(client.read().body == logo)
        for client in clients:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        page = content(SITE + "/index.html")
        for client in clients:
            self.assertTrue(client.read().body == page)
            client.close()

    def memory(self, server):
        with open(f"/proc/{server.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) * 1024

    def descriptors(self, server):
        """The process's descriptors, plus its connections, whose sockets the wineserver has."""
        return len(os.listdir(f"/proc/{server.pid}/fd")) + connections_of(server)

    def come_and_go(self, port, count):
        """`count` connections, 32 at a time, each with one request and its own kind of close."""
        left, request = count, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        with selectors.DefaultSelector() as selector:
            open_now = 0
            while left or open_now:
                while left and open_now < 32:
                    left -= 1
                    open_now += 1
                    client = socket.create_connection(("127.0.0.1", port), timeout=30)
                    client.sendall(request)
                    selector.register(client, selectors.EVENT_READ, left)
                ready = selector.select(30)
                self.assertTrue(ready, "no answer within 30 s")
                for key, _ in ready:
                    client = key.fileobj
                    selector.unregister(client)
                    self.assertTrue(client.recv(1 << 16).startswith(b"HTTP/1.1 200"))
                    if key.data % 4 == 0:
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                          struct.pack("ii", 1, 0))
                    client.close()
                    open_now -= 1

    def test_nothing_is_left_over(self):
        self.put("index.html", b"page")
        server = self.serve(workers=2)
        self.come_and_go(server.port, min(1000, CONNECTIONS // 2))
        time.sleep(1)
        memory, descriptors = self.memory(server), self.descriptors(server)
        self.come_and_go(server.port, CONNECTIONS)
        self.eventually(lambda: self.descriptors(server) <= descriptors + 8, 10, "closing")
        grown = self.memory(server) - memory
        print(f"{CONNECTIONS} connections: {grown / 1024:.0f} KiB more, "
              f"{self.descriptors(server) - descriptors} descriptors more", file=sys.stderr)
        self.assertLess(grown, 2 << 20)


class Commands(ServerCase, unittest.TestCase):
    backend = "iocp"

    def run_program(self, *arguments, **options):
        return subprocess.run([*PROGRAM, *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60, check=False, **options)

    def test_probe(self):
        run = self.run_program("probe")
        self.assertEqual(0, run.returncode)
        self.assertIn(b"iocp: available", run.stdout)

    def test_errors_are_said_in_one_line(self):
        for code, arguments in ((2, ("serve", "--no-such-option")), (2, ("serv",)),
                                (1, ("serve", "/no/such/root", "--listen", "127.0.0.1:0")),
                                (1, ("wire", "/no/such/file")), (1, ("wire", "--lab")),
                                (1, ("wire", "--live", "eth0"))):
            run = self.run_program(*arguments)
            self.assertEqual(code, run.returncode, arguments)
            self.assertEqual(1, run.stderr.count(b"\n"), run.stderr)
            self.assertTrue(run.stderr.startswith(b"sluice"), run.stderr)

    def test_names_in_utf8(self):
        self.put("目录/文件.html", "内容")
        server = self.serve(root=os.path.join(self.root, "目录"))
        with server.connect() as client:
            answer = client.ask("/%E6%96%87%E4%BB%B6.html")
            self.assertEqual((200, "内容".encode()), (answer.status, answer.body))

    def test_a_capture_is_explained(self):
        folder = os.path.join(TREE, "tests", "wire", "captures")
        report = os.path.join(self.work, "报告.html")
        copy = os.path.join(self.work, "copy.pcapng")
        run = self.run_program("wire", os.path.join(folder, "ethernet"), "--json",
                               "--html", report, "--pcapng", copy)
        self.assertEqual((0, b""), (run.returncode, run.stderr))
        self.assertNotIn(b"\r", run.stdout)
        first = [json.loads(line) for line in run.stdout.splitlines()]
        self.assertGreater(len(first), 3)
        self.assertIn(b"<html", content(report))
        again = self.run_program("wire", copy, "--json")
        self.assertEqual(0, again.returncode, again.stderr)
        self.assertEqual(len(first), len(again.stdout.splitlines()))

    def test_bench_measures(self):
        server = self.serve(root=SITE)
        run = self.run_program("bench", f"http://127.0.0.1:{server.port}/", "--duration", "1s",
                               "--warm-up", "100ms", "--connections", "4", "--json", "-", "--quiet")
        report = json.loads(run.stdout)
        self.assertIn(run.returncode, (0, 3), run.stderr)  # 3: measured, but not valid
        text = json.dumps(report)
        self.assertRegex(text, r'"200": ?[1-9]')


class Package(unittest.TestCase):
    def test_the_program_needs_the_system_only(self):
        run = subprocess.run(["x86_64-w64-mingw32-objdump", "-p", BINARY], capture_output=True,
                             text=True, check=True)
        imports = set(re.findall(r"DLL Name: (\S+)", run.stdout))
        self.assertIn("KERNEL32.dll", imports)
        known = {"KERNEL32.dll", "ADVAPI32.dll", "IPHLPAPI.DLL", "msvcrt.dll", "ntdll.dll",
                 "PSAPI.DLL", "SHELL32.dll", "WINMM.DLL", "WS2_32.dll"}
        self.assertEqual(set(), {one.lower() for one in imports} - {one.lower() for one in known})

    def test_the_zip(self):
        path = os.path.join(os.path.dirname(BINARY), "sluice-windows.zip")
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            for name in ("sluice/sluice.exe", "sluice/verify.ps1", "sluice/site/index.html",
                         "sluice/site" + LOGO):
                self.assertIn(name, names)
            self.assertEqual(content(SITE + LOGO), archive.read("sluice/site" + LOGO))
            self.assertTrue(archive.read("sluice/sluice.exe").startswith(b"MZ"))


if __name__ == "__main__":
    main()
