"""The command line: every wrong word gives one helpful line and exit code 2; an unavailable port or
directory gives one line and exit code 1. The options come from `--help`, so that a new one is covered
at once."""

import os
import re
import socket
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor

from harness import BINARY, SITE, TREE, Client, Server, ServerCase, main, on_each_backend

COMMANDS = ("serve", "bench", "compare", "wire", "probe", "help", "version")
# Invalid values for each type that `--help` names. A type that is missing here fails the test.
WRONG = {
    "N": ["", "x", "-1", "+1", "1.5", "1e3", "0x10", "1k", " 1", "18446744073709551616"],
    "R": ["", "x", "0", "-1", "nan", "inf", "1e999", "1/s"],
    "SIZE": ["", "x", "-1", "1x", "1e3", "k", "nan", "99999999t"],
    "TIME": ["", "x", "0s", "-1s", "5 s", "5x", "nan", "inf", "99999999999h"],
    "NAME": ["", "x", "auto2"],
    "ADDR": ["", "x", "localhost", "127.0.0.1", "[::1]", "::1", "127.0.0.1:65536", "*:80", "http://a:1",
             "unix:", "/run/x"],
    "SHARE": ["", "x", "-1", "2x", "nan"],
    "OBJECTIVE": ["", "x", "p99", "p99=", "p101=1s", "p99=x"],
    "FIELD": ["", "x", "a b: c", "a: b\r\nc: d"],
    "METHOD": ["", "A B", "A\r\n"],
    "W,W": ["x", "1,x", "0", "-1"],
    "URL": ["", "http://", "http://a:99999/", "https://a/", "http://a:b/"],
    "EXT=TYPE": ["", "x", "=text/plain", "x=", "x=text", "x=text/plain\r\nA: b", "a/b=text/plain"],
    "SCENARIO": ["", "x"],
    "SERVER": ["", "x"],
    # Free names: any value except an empty one.
    "FILE": [""], "DIR": [""], "PREFIX": [""], "IFACE": [""],
}
# Arguments that complete the rest of the command line.
WHOLE = {"bench": ["http://127.0.0.1:9/"]}


def run(*arguments, **how):
    return subprocess.run([BINARY, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, check=False, **how)


def described(command):
    """(names, type, default) of each option in the command's help. A flag's type is empty; the default
    may be None."""
    found = []
    for line in run(command, "--help").stdout.splitlines():
        # The description begins in the 30th column, or on the next line.
        words = (line[:30] if line[29:30] == " " else line).split()
        if line.startswith("  -") and words[0] != "-h,--help":
            kind, equals, default = (words[1] if len(words) > 1 else "").partition("=")
            if kind == "EXT" and default == "TYPE":  # together one type, EXT=TYPE
                kind, equals = "EXT=TYPE", ""
            found.append((words[0].split(","), kind, default.strip("[]") if equals else None))
    return found


def options_of(command):
    return [(names, kind) for names, kind, _ in described(command)]


class Wrong(unittest.TestCase):
    def is_refusal(self, got, arguments):
        self.assertEqual((2, ""), (got.returncode, got.stdout), (arguments, got.stderr))
        self.assertRegex(got.stderr, r"\Asluice[^\n]*: [^\n]+\n\Z", arguments)
        return got.stderr

    def refuses(self, *arguments):
        return self.is_refusal(run(*arguments), arguments)

    def test_every_option_of_every_command(self):
        tries = []  # (arguments, text that the refusal contains)
        for command in COMMANDS:
            for names, kind in options_of(command):
                whole, name = [command, *WHOLE.get(command, [])], names[-1]
                if kind == "[ROOT]":
                    continue  # any name at all
                if kind in ("", "[N]"):
                    tries.append(([*whole, f"{name}=nonsense"],
                                  name + (" takes no value" if not kind else ":")))
                    continue
                self.assertIn(kind, WRONG, (command, name))
                tries.append(([*whole, name], f"{name} needs a value"))
                tries.append(([*whole, f"{name}={WRONG[kind][-1]}"], ""))
                tries.extend(([*whole, name, value], name) for value in WRONG[kind])
        self.assertGreater(len(tries), 400)
        # Many starts, and each is slow under a sanitizer.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for (arguments, has), got in zip(tries, pool.map(lambda one: run(*one[0]), tries)):
                with self.subTest(arguments=arguments):
                    self.assertIn(has, self.is_refusal(got, arguments))

    def test_what_may_be_given_once(self):
        self.assertIn("--workers is given more than once",
                      self.refuses("serve", "--workers", "1", "--workers", "2"))

    def test_positional_arguments(self):
        for arguments in (["serve", ""], ["serve", "a", "b"], ["bench"], ["wire", ""], ["wire"],
                          ["wire", "a", "b"], ["probe", "a"], ["compare", "a"], ["version", "a"],
                          *(["bench", url] for url in WRONG["URL"])):
            self.refuses(*arguments)

    def test_what_contradicts_itself(self):
        url = "http://127.0.0.1:9/"
        for arguments in (["bench", url, "http://127.0.0.1:8/"], ["bench", url, "--weights", "1,2"],
                          ["bench", url, "-c", "1", "-t", "2"], ["bench", url, "--ramp", "5"],
                          ["bench", url, "--rate", "5", "-n", "5"], ["wire", "a", "--live", "lo"],
                          ["compare", "--aa", "1", "--markdown"]):
            self.refuses(*arguments)

    def test_no_control_bytes_in_help(self):
        for command in COMMANDS:
            text = run(command, "--help").stdout
            self.assertEqual([], re.findall(r"[^\x20-\x7e\n]", text), command)
        for names, help_of in (("common, combined, json", "serve"), ("en, zh", "wire")):
            self.assertIn(names, run(help_of, "--help").stdout)

    def test_the_nearest_name(self):
        for arguments, meant in ((["serv"], "serve"), (["bnech", "x"], "bench"),
                                 (["help", "compar"], "compare"),
                                 (["serve", "--lisen", "80"], "--listen"),
                                 (["serve", "--port", "80", SITE], "--listen"),
                                 (["serve", "--port=80"], "--listen"),
                                 (["serve", "-p", "80"], "--listen"),
                                 (["serve", "--prot", "80"], "--listen"),
                                 (["serve", "--root", SITE], "sluice serve DIR"),
                                 (["serve", "--logformat=json"], "--log-format"),
                                 (["bench", "--conections", "5"], "--connections"),
                                 (["wire", "-r", "file"], "sluice wire FILE"),
                                 (["--verison"], "--version")):
            self.assertIn(f"did you mean {meant}" if meant[0] != "s" or meant in COMMANDS else meant,
                          self.refuses(*arguments))
        self.assertIn("sluice serve --listen", self.refuses("--listen", "80"))
        for arguments in (["frobnicate"], ["serve", "--frobnicate"], ["--frobnicate"]):
            self.assertNotIn("did you mean", self.refuses(*arguments))
        self.assertIn("commands are serve, bench", self.refuses("frobnicate"))
        self.assertIn("name a directory to serve, or a command", self.refuses())

    def test_addresses_say_what_to_write(self):
        for address, instead in (("localhost", "localhost:8080"), ("127.0.0.1", "127.0.0.1:8080"),
                                 ("::1", "in brackets"), ("/run/x", "unix:/run/x"),
                                 ("127.0.0.1:99999", "at most 65535")):
            self.assertIn(instead, self.refuses("serve", "--listen", address))

    def test_a_file_is_no_directory(self):
        page = os.path.join(SITE, "index.html")
        for arguments, where, directory in ((["serve", page], None, SITE), ([page], None, SITE),
                                            (["serve", "index.html"], SITE, ".")):
            got = run(*arguments, cwd=where)
            self.assertEqual((1, f"sluice: cannot serve '{arguments[-1]}': it is a file; serve its "
                                 f"directory: sluice serve {directory}\n"), (got.returncode, got.stderr))

    def test_what_the_documents_say_of_exit_codes(self):
        with open(os.path.join(TREE, "README.md"), encoding="utf-8") as file:
            table = dict(re.findall(r"^\| (\d) \| (.*) \|$", file.read(), re.M))
        self.assertEqual({"0", "1", "2"}, set(table))
        for words in (["serve", "/nonexistent-root"], ["serve", SITE, "--access-log", "/nonexistent/log"]):
            got = run(*words)
            self.assertEqual((1, ""), (got.returncode, got.stdout), words)
            self.assertRegex(got.stderr, r"\Asluice: [^\n]+\n\Z")


class Help(unittest.TestCase):
    def test_it_is_found_by_every_name(self):
        whole = run("--help")
        self.assertEqual(0, whole.returncode)
        self.assertEqual(whole.stdout, run("help").stdout)
        self.assertEqual(whole.stdout, run("-h").stdout)
        for command in COMMANDS:
            self.assertRegex(whole.stdout, rf"(?m)^  {command} ")
            told = run("help", command)
            self.assertEqual((0, ""), (told.returncode, told.stderr))
            self.assertEqual(run(command, "--help").stdout, told.stdout)
            self.assertIn(f"Usage: sluice {command} ", told.stdout)
        self.assertEqual(run("--version").stdout, run("version").stdout)
        self.assertRegex(run("version").stdout, r"\Asluice \d+\.\d+\.\d+\n\Z")

    # The tables of README.md name exactly the existing options.
    def test_the_tables_are_whole(self):
        with open(os.path.join(TREE, "README.md"), encoding="utf-8") as file:
            sections = re.split(r"(?m)^## ", file.read())
        for command, title in (("serve", "Options of `sluice serve"), ("bench", "Measuring: `sluice bench"),
                               ("compare", "Comparing: `sluice compare"), ("wire", "Explaining: `sluice wire")):
            section = next(s for s in sections if s.startswith(title))
            rows = re.findall(r"(?m)^\| (`-.*?) \|", section)
            told = {name for row in rows for name in re.findall(r"`(-[-a-zA-Z]+)", row)}
            there = [names for names, _ in options_of(command)]
            self.assertEqual(set(), told - {name for names in there for name in names}, command)
            missing = [names for names in there if not told & set(names)]
            self.assertEqual([], missing, command)
            cells = re.findall(r"(?m)^\| `(-[^|`]+)` \| ([^|]*) \|", section)
            self.assertGreater(len(cells), len(there) / 3)
            for cell, default in cells:  # rows of one option
                self.check_row(command, cell, default)

    def check_row(self, command, cell, default):
        """Type and default in the document equal those in the help."""
        name, _, kind = cell.partition(" ")
        wanted = next(one for one in described(command) if name in one[0])
        with self.subTest(command=command, option=name):
            self.assertEqual(wanted[1], kind.removesuffix("..."))
            if wanted[2] is not None:
                self.assertTrue(default.startswith(f"`{wanted[2]}`"), (default, wanted[2]))
            elif not kind:
                self.assertEqual("off", default)


@on_each_backend
class Listening(ServerCase):
    def setUp(self):
        super().setUp()
        self.put("index.html", b"page")

    def fails(self, *arguments, **options):
        server = Server(self.root, *arguments, listen=(), backend=self.backend, workers=0, **options)
        self.assertEqual(1, server.wait(30))
        self.assertEqual(1, len(server.lines), server.stderr)
        return server.stderr

    def test_a_directory_alone_is_served(self):
        command = [BINARY, self.root, "--listen", "127.0.0.1:0", "--backend", self.backend]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        try:
            port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", process.stderr.readline())[1])
            with Client(("127.0.0.1", port)) as client:
                self.assertEqual(b"page", client.ask("/").body)
        finally:
            process.terminate()
            self.assertEqual(0, process.wait(10))

    def test_who_holds_the_port(self):
        first = self.serve()
        address = f"127.0.0.1:{first.port}"
        for workers in ("1", "2"):
            for taken in (address, f"0.0.0.0:{first.port}"):
                told = self.fails("--listen", taken, "--workers", workers)
                self.assertIn(f"{taken}: bind: Address already in use; sluice (process {first.pid}) "
                              "listens there: stop it, or choose another address", told)

    # In its own user namespace a program may not inspect the processes of others.
    def test_a_port_whose_holder_may_not_be_looked_at(self):
        first = self.serve()
        self.assertIn("; a process of another user listens there; as root, ss -ltnp "
                      f"'sport = :{first.port}' tells whose it is",
                      self.fails("--listen", f"127.0.0.1:{first.port}", wrapper=["unshare", "--user"]))

    def test_who_holds_the_path(self):
        path = os.path.join(self.work, "socket")
        first = self.serve(listen=[f"unix:{path}"])
        self.assertIn(f"sluice (process {first.pid}) listens there",
                      self.fails("--listen", f"unix:{path}"))

    # Bound but not listening: the kernel's tables do not show the owner.
    def test_a_port_whose_holder_is_not_known(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            port = other.getsockname()[1]
            self.assertIn(f"; as root, ss -ltnp 'sport = :{port}' tells whose it is",
                          self.fails("--listen", f"127.0.0.1:{port}"))

    # In its own network, where ports below 1024 are reserved; as a user without rights there.
    def test_a_port_that_needs_a_right(self):
        told = self.fails("--listen", "0.0.0.0:80", wrapper=["unshare", "--user", "--net"])
        for remedy in ("packaging/sluice.service", f"setcap cap_net_bind_service=+ep {BINARY} as root",
                       "sysctl net.ipv4.ip_unprivileged_port_start=80", "a port from 1024 on needs none"):
            self.assertIn(remedy, told)

    def test_the_address_that_is_printed_can_be_opened(self):
        for listen in ("0", "[::]:0", "0.0.0.0:0", "127.0.0.1:0", "[::1]:0"):
            server = self.serve(listen=[listen])
            line = next(line for line in server.lines if " on http://" in line)
            url = re.search(r" on (http://\S+)", line)[1]
            got = subprocess.run(["curl", "-gsS", "--max-time", "10", url], capture_output=True,
                                 text=True, timeout=30, check=False)
            self.assertEqual((0, "page"), (got.returncode, got.stdout), line)
            everywhere = not listen.startswith(("127", "[::1]"))
            self.assertEqual(everywhere, "every other address of this machine" in line, line)


if __name__ == "__main__":
    main()
