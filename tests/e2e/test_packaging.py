"""What packaging/ promises: under its seccomp profile the server does all its work, with io_uring;
the unit and the profile name only existing things; the program serves in a root that has only the
image's packages; the installation is complete."""

import configparser
import ctypes
import ctypes.util
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import unittest

from harness import BINARY, TREE, Server, ServerCase, main, on_each_backend, sanitizer

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
            # Calls of other architectures resolve to negative numbers, which do not apply here.
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
            # A sanitizer's run-time makes additional calls; the profile is for the real binary.
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
        # The unit's root does not exist here: a correct command line fails only there.
        line[line.index("/srv/www")] = "/nonexistent-root"
        run = subprocess.run([BINARY, *line[1:]], stdin=subprocess.DEVNULL, capture_output=True,
                             text=True, timeout=30, check=False)
        self.assertEqual(1, run.returncode, run.stderr)
        # Its log's folder does not exist either: which thread reports first may vary.
        self.assertRegex(run.stderr, "/nonexistent-root|/var/log/sluice/access.log")


def containerfile():
    """The last stage: its packages, and its instructions as lists of words."""
    with open(os.path.join(PACKAGING, "Containerfile"), encoding="utf-8") as file:
        stage = file.read().replace("\\\n", " ").rsplit("\nFROM ", 1)[1]
    packages = re.search(r"apt-get install ([^&]*)&&", stage).group(1).split()
    instructions = {line.split()[0]: line.split(None, 1)[1] for line in stage.splitlines()
                    if re.match(r"[A-Z]+ ", line)}
    return {p for p in packages if not p.startswith("-")}, instructions


def output_of(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, check=True).stdout


def libraries_of(program):
    """The libraries that the program itself names, by file."""
    names = re.findall(r"\(NEEDED\).*\[(.*)\]", output_of("readelf", "-d", program))
    found = dict(re.findall(r"(\S+) => (/\S+)", output_of("ldd", program)))
    return {name: os.path.realpath(found[name]) for name in names}


def package_of(path):
    """dpkg knows a file by its packaged name: /lib/... from the time before /lib became a link."""
    for name in (path, path.removeprefix("/usr")):
        run = subprocess.run(["dpkg", "-S", name], capture_output=True, text=True, timeout=60,
                             check=False)
        if run.returncode == 0:
            return run.stdout.split(":")[0]
    raise AssertionError(f"no package has {path}")


def with_dependencies(packages):
    """The packages and all their dependencies (of alternatives, the installed ones)."""
    listing = output_of("dpkg-query", "-W",
                        "-f=${db:Status-Abbrev}\t${Package}\t${Depends}, ${Pre-Depends}\n")
    installed = dict(line.split("\t")[1:] for line in listing.splitlines() if line.startswith("ii"))
    known, rest = set(), list(packages)
    while rest:
        package = rest.pop()
        if package not in known and package in installed:
            known.add(package)
            rest += re.findall(r"(?:^|[,|]\s*)([a-z0-9][a-z0-9.+-]+)", installed[package])
    return known


class Image(unittest.TestCase):
    """The container image, built from the machine's packages: the same names, the same files."""

    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="sluice-image-")
        self.addCleanup(shutil.rmtree, self.work, True)

    def make_root(self, packages):
        """A root with the files of these packages, the program and a page."""
        root = os.path.join(self.work, "image")
        for folder in ("usr/bin", "usr/lib", "usr/lib64", "usr/local/bin", "srv/www", "tmp",
                       "proc"):
            os.makedirs(os.path.join(root, folder))
        for link in ("lib", "lib64", "bin"):
            os.symlink(f"usr/{link}", os.path.join(root, link))
        for path in output_of("dpkg", "-L", *sorted(packages)).splitlines():
            # Only the libraries, without documents and the C library's many character sets.
            if not re.search(r"\.so(\.|$)", path) or "/gconv/" in path:
                continue
            target = root + path
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if os.path.isfile(path) and not os.path.lexists(target):
                shutil.copy(path, target, follow_symlinks=False)
        shutil.copy(BINARY, os.path.join(root, "usr/local/bin/sluice"))
        with open(os.path.join(root, "srv/www/index.html"), "wb") as page:
            page.write(b"page")
        os.chmod(self.work, 0o755)
        return root

    @staticmethod
    def inside(root):
        """The words before a command that runs in that root, with /proc, which every container engine
        provides."""
        return ["unshare", "--map-root-user", "--mount", "sh", "-c",
                'mount --rbind /proc "$0/proc" && exec chroot "$0" "$@"', root]

    def test_it_has_what_the_program_needs_and_nothing_else(self):
        packages, _ = containerfile()
        self.assertEqual(set(), packages - with_dependencies(packages))
        if sanitizer():
            # A sanitizer adds its own library, and mimalloc is left out (CMakePresets.json).
            return
        self.assertEqual({package_of(path) for path in libraries_of(BINARY).values()}, packages)

    def test_the_program_starts_and_serves_in_it(self):
        packages, instructions = containerfile()
        if sanitizer():
            packages |= {package_of(path) for path in libraries_of(BINARY).values()}
        root = self.make_root(with_dependencies(packages))
        entry, command = (json.loads(instructions[name]) for name in ("ENTRYPOINT", "CMD"))
        self.assertEqual(output_of(BINARY, "--version"),
                         output_of(*self.inside(root), "/usr/local/bin/sluice", "--version"))
        self.assertEqual("serve", command[0])
        command[command.index(":8080")] = "127.0.0.1:0"
        server = Server(command[1], *command[2:], listen=(), workers=0,
                        binary=f"/usr/local/bin/{entry[0]}", wrapper=self.inside(root))
        server.expected = 1
        self.addCleanup(server.kill)
        server.wait_ready()
        with server.connect() as client:
            self.assertEqual(b"page", client.ask("/").body)
        server.signal()
        self.assertEqual(0, server.wait(), server.stderr)
        self.assertEqual([], server.surprises())

    def test_what_captures_says_that_libpcap_is_missing(self):
        packages, _ = containerfile()
        self.assertFalse({p for p in with_dependencies(packages) if p.startswith("libpcap")})
        if sanitizer():
            packages |= {package_of(path) for path in libraries_of(BINARY).values()}
        root = self.make_root(with_dependencies(packages))
        missing = ("sluice: cannot capture on lo: libpcap.so.0.8 is not installed (apt-get install "
                   "libpcap0.8)\n")

        def wire(*arguments):
            return subprocess.run([*self.inside(root), "/usr/local/bin/sluice", "wire", *arguments],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=60, check=False)

        live = wire("--live", "lo")
        self.assertEqual((1, "", missing), (live.returncode, live.stdout, live.stderr))
        # Without libpcap the lab makes its reconstructed report.
        lab = wire("--lab", "/srv/www")
        self.assertEqual(0, lab.returncode, lab.stderr)
        self.assertIn(missing + "sluice: no capture, so this is what the kernel alone can tell",
                      lab.stderr)
        self.assertIn("ESTABLISHED", lab.stdout)
        # Capture files need no library.
        shutil.copy(os.path.join(TREE, "tests/wire/captures/ethernet"),
                    os.path.join(root, "srv/capture"))
        file = wire("/srv/capture")
        self.assertEqual((0, ""), (file.returncode, file.stderr))
        self.assertIn("GET /", file.stdout)


class Install(unittest.TestCase):
    """`cmake --install` of the tested build."""

    def test_everything_is_there(self):
        work = tempfile.mkdtemp(prefix="sluice-install-")
        self.addCleanup(shutil.rmtree, work, True)
        prefix = os.path.join(work, "prefix")
        output_of("cmake", "--install", os.path.dirname(BINARY), "--prefix", prefix)
        self.assertEqual(["bin", "lib", "share"], sorted(os.listdir(prefix)))
        program = os.path.join(prefix, "bin/sluice")
        self.assertEqual(output_of(BINARY, "--version"), output_of(program, "--version"))
        for ours, there in (("site", "share/sluice/site"), ("docs", "share/doc/sluice/docs")):
            same = subprocess.run(["diff", "-r", os.path.join(TREE, ours),
                                   os.path.join(prefix, there)], timeout=60, check=False)
            self.assertEqual(0, same.returncode)
        documents = os.path.join(prefix, "share/doc/sluice")
        self.assertEqual(["ARCHITECTURE.md", "LICENSE", "README.md", "docs"],
                         sorted(os.listdir(documents)))
        with open(os.path.join(documents, "README.md"), encoding="utf-8") as file:
            for link in re.findall(r"\]\(([^):]+)\)", file.read()):
                self.assertTrue(os.path.exists(os.path.join(documents, link)), link)
        with open(os.path.join(prefix, "lib/systemd/system/sluice.service"),
                  encoding="utf-8") as file:
            unit = file.read()
        with open(os.path.join(PACKAGING, "sluice.service"), encoding="utf-8") as file:
            self.assertEqual(file.read().replace("/usr/local/bin/", prefix + "/bin/"), unit)
        self.assertIn(f"\nExecStart={program} serve ", unit)


if __name__ == "__main__":
    main()
