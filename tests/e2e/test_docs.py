"""Runs the commands that README.md and docs/ tell a reader to type: each command of their code blocks,
in order, by dash, in a copy of a fresh clone. Long commands run for a short time. Commands that cannot
run here state the reason, and their options must be accepted. A new kind of command fails until it is
added to KINDS."""

import glob
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from harness import BINARY, TREE, main

DOCUMENTS = ["README.md", *sorted(os.path.relpath(path, TREE)
                                  for path in glob.glob(os.path.join(TREE, "docs/*.md")))]
BELIEVED = (0, 3)  # 3: it ran, but its numbers are not valid, as on a busy machine
CAPTURE = os.path.join(TREE, "tests/wire/captures/ethernet")
# Words of site/index.html that the Chinese paragraph names, and what a reader puts in their place.
OWNER = {"聂志强": "王小明", "2012307": "2512345", "信息安全": "软件工程"}


def text_of(name):
    with open(os.path.join(TREE, name), encoding="utf-8") as file:
        return file.read()


def commands_of(text):
    """The commands of the indented blocks; lines of output begin with the program's name and a colon."""
    commands, open_lines = [], ""
    for before, line in zip(["", *text.split("\n")], text.split("\n")):
        if not open_lines and not (line.startswith("    ") and not before.strip().startswith("*")):
            continue
        open_lines += line.removeprefix("    ") + "\n"
        if open_lines.endswith("\\\n"):
            open_lines = open_lines[:-2]
            continue
        try:
            words = shlex.split(open_lines, comments=True)
        except ValueError:
            continue  # a line within quotes
        if words and not words[0].endswith(":"):
            commands.append(open_lines.rstrip("\n"))
        open_lines = ""
    return commands


def help_of(command):
    return subprocess.run([BINARY, command, "--help"], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, check=True).stdout


class Documents(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="sluice-docs-")
        self.addCleanup(shutil.rmtree, self.work, True)
        self.clone = os.path.join(self.work, "clone")
        shutil.copytree(os.path.join(TREE, "site"), os.path.join(self.clone, "site"))
        shutil.copytree(os.path.join(TREE, "bench"), os.path.join(self.clone, "bench"))
        shutil.copy(CAPTURE, os.path.join(self.clone, "capture.pcapng"))
        os.makedirs(os.path.join(self.work, "bin"))
        os.symlink(BINARY, os.path.join(self.work, "bin/sluice"))
        self.environment = {**os.environ,
                            "PATH": os.path.join(self.work, "bin") + ":" + os.environ["PATH"]}
        self.stops = []

    def tearDown(self):
        self.assertEqual([], self.left_behind())

    def left_behind(self):
        """Programs that still run here. One that was asked to stop may need a moment."""
        end = time.monotonic() + 10
        while True:
            found = []
            for process in glob.glob("/proc/[0-9]*"):
                try:
                    if os.readlink(process + "/cwd").startswith(self.work):
                        with open(process + "/cmdline", encoding="utf-8", errors="replace") as line:
                            found.append((int(process[6:]), line.read().replace("\0", " ")))
                except OSError:
                    continue  # it ended, or is not ours
            if not found or time.monotonic() > end:
                for pid, _ in found:
                    os.kill(pid, signal.SIGKILL)
                return found
            time.sleep(0.05)

    def shell(self, command, codes=(0,)):
        run = subprocess.run(["dash", "-c", command], cwd=self.clone, env=self.environment,
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100,
                             check=False)
        self.assertIn(run.returncode, codes, f"{command}\n{run.stdout[-2000:]}\n{run.stderr}")
        return run

    # ---- how a command is tried

    def options(self, command):
        """Checks that the options exist and their values are accepted; runs nothing."""
        words = shlex.split(command, comments=True)
        text = help_of(words[1])
        for word in words:
            if word.startswith("--"):
                self.assertRegex(text, rf"(^|[ ,]){word.split('=')[0]}[ ={{]", command)
        self.shell(shlex.join(words) + " --help")

    def of_dev(self, command):
        """`./dev` knows the command, and the program knows the options after it."""
        words = shlex.split(command)
        told = subprocess.run([os.path.join(TREE, "dev"), "help"], capture_output=True, text=True,
                              timeout=60, check=True).stdout
        self.assertRegex(told, rf"(?m)^  {words[1]} ", command)
        behind = {"serve": "serve", "bench": "compare"}.get(words[1])
        if behind:
            self.options(shlex.join(["sluice", behind, *words[2:]]))

    def server(self, command):
        """Runs to the end of the document."""
        words = shlex.split(command)
        process = subprocess.Popen(words, cwd=self.clone, env=self.environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)

        def stop():
            process.terminate()
            self.assertEqual(0, process.wait(30))

        self.stops.append(stop)
        self.assertIn("serving ", process.stderr.readline())

    def load(self, command):
        short = re.sub(r"-d \S+", "-d 300ms", command)
        if "-d " not in short:
            short = re.sub(r"(sluice bench \S+)", r"\1 -d 300ms", short)
        self.assertIn("generator", self.shell(short, BELIEVED).stdout)  # of every report

    def script(self, command):
        words = [word for word in shlex.split(command) if not re.match(r"[A-Z_]+=", word)]
        self.assertTrue(os.path.isfile(os.path.join(TREE, words[1])), command)
        if words[1].startswith("bench/"):  # a test's arguments are the program and names of tests
            self.shell(shlex.join(words[:2]) + " --help")

    KINDS = [
        (r"\./dev ", of_dev, "builds, and installs packages"),
        (r"sluice compare\b", options, "takes minutes, and wants the machine for itself"),
        (r"sluice wire --live ", options, "needs an interface of that name, and goes on until Ctrl-C"),
        (r"([A-Z_]+=\S+ )*python3 (bench|tests)/", script, "takes minutes, and other programs"),
        (r"sluice (serve )?site ", server, None),
        (r"sluice bench ", load, None),
        (r"unshare .* sh -c '\s*ip link set lo up; sluice serve ", load, None),
        (r"sluice wire ", shell, None),
    ]

    def try_commands(self, commands):
        try:
            for command in commands:
                how = next((how for pattern, how, _ in self.KINDS if re.match(pattern, command)), None)
                self.assertIsNotNone(how, f"nobody knows how to try this: {command}")
                with self.subTest(command=command):
                    private = command.startswith("unshare ")  # where 8080 is free
                    how(self, command if private else command.replace("8080", str(self.port)))
        finally:
            while self.stops:
                self.stops.pop()()

    def pick_port(self):
        with socket.socket() as any_port:
            any_port.bind(("127.0.0.1", 0))
            self.port = any_port.getsockname()[1]

    def test_every_command(self):
        tried = 0
        for name in DOCUMENTS:
            commands = commands_of(text_of(name))
            if name == "docs/bench.md":  # its reader already has a server
                commands.insert(0, "sluice site --listen 127.0.0.1:8080")
            with self.subTest(document=name):
                self.pick_port()
                self.try_commands(commands)
                self.assertEqual([], self.left_behind())
            tried += len(commands)
        self.assertGreater(tried, 20)

    # Options in the running text: `sluice serve --log-format json`.
    def test_every_option_in_the_text(self):
        tried = 0
        for name in DOCUMENTS:
            for span in re.findall(r"`(sluice(?:\.exe)? [a-z][^`]*)`", text_of(name).replace("\n", " ")):
                words = span.split()
                if words[1] not in ("serve", "bench", "compare", "wire", "probe", "help", "version"):
                    continue
                for option in re.findall(r"(?<=\s)--[a-z-]+", span):
                    with self.subTest(document=name, span=span):
                        self.assertRegex(help_of(words[1]), rf"(^|[ ,]){option}[ =\n]")
                    tried += 1
        self.assertGreater(tried, 5)

    # The paragraph at the top: a reader who follows it gets a report of their own.
    def test_the_lab_report_of_a_reader(self):
        paragraph = next(p for p in text_of("README.md").split("\n\n") if p.startswith("**写"))
        for named in ("site/index.html", "<title>", "description", "<dl>", "<figure>",
                      "site/static/computer-network.jpg"):
            self.assertIn(f"`{named}`", paragraph)
        self.assertTrue(os.path.exists(os.path.join(TREE, "site/static/computer-network.jpg")))
        page = os.path.join(self.clone, "site/index.html")
        with open(page, encoding="utf-8") as file:
            lines = file.read().split("\n")
        for number, line in enumerate(lines):
            if re.search(r'<title>|name="description"|<dt>', line):
                for old, new in OWNER.items():
                    line = line.replace(old, new)
                lines[number] = line
        self.assertEqual([], [line for line in lines for old in OWNER if old in line])
        with open(page, "w", encoding="utf-8") as file:
            file.write("\n".join(lines))
        commands = re.findall(r"`((?:\./dev|sluice) [^`]*)`", paragraph)
        self.assertEqual(["./dev serve", "./dev install"], commands[:2])
        for command in commands:
            (self.of_dev if command.startswith("./dev") else self.shell)(command)
        with open(os.path.join(self.clone, "report.html"), encoding="utf-8") as file:
            report = file.read()
        for old, new in OWNER.items():
            self.assertIn(new, report)
            self.assertNotIn(old, report)
        for lesson in ("三次握手", "GET /static/computer-network.jpg"):
            self.assertIn(lesson, report)


if __name__ == "__main__":
    main()
