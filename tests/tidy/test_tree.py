"""Rules of the tree that no compiler checks: which folder may include which, who may name a concrete
backend, what must not be left behind. Each rule is a function over {path: text} that returns
complaints, and is itself tested on a small tree that breaks it."""

import collections
import os
import re
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# The arrows of the design: a folder may include itself and the folders listed here. An entry for a
# subfolder overrides the entry of the folder that contains it.
MAY_INCLUDE = {
    "system": {"system"},
    "core": {"system", "core"},
    "http": {"system", "core", "http"},
    "log": {"system", "core", "http", "log"},
    "content": {"system", "core", "http", "content"},
    "http1": {"system", "core", "http", "log", "http1"},
    "backends": {"system", "core", "backends"},
    "report": {"core", "report"},
    "wire": {"core", "http", "report", "wire"},
    "bench": {"system", "core", "backends", "report", "bench"},
    "bench/micro": {"system", "core", "http", "http1", "log", "backends", "bench"},
    "lab": {"system", "core", "backends", "report", "wire", "lab"},
    "serve": {"system", "core", "http", "http1", "content", "log", "backends", "serve"},
    "app": {"system", "core", "http", "http1", "content", "log", "backends", "serve", "report", "bench", "wire",
            "lab", "app"},
}
# Headers of plain values, which include only each other: system may include them too.
VALUES = {"core/bytes.h", "core/clock.h", "core/result.h"}
FOLDERS = {name for name in MAY_INCLUDE if "/" not in name}
CONCRETE = ("epoll", "io_uring", "iocp", "sim")
CODE = (".cpp", ".h", ".c")
BLOB_BYTES_MAX = 256 * 1024
FUNCTION_LINES_MAX = 70


def code_lines(text):
    """Numbered lines with comments and string contents blanked, so that prose does not count."""

    def blank(match):
        token = match.group(0)
        if token.startswith("/"):
            return re.sub(r"[^\n]", " ", token)
        return token[0] + token[0]

    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"'
    lines = []
    # An include's quotes must survive.
    parts = re.split(r'(?m)^(\s*#\s*include[^\n]*)$', text)
    for index, part in enumerate(parts):
        lines.append(part if index % 2 else re.sub(pattern, blank, part, flags=re.S))
    return list(enumerate("".join(lines).split("\n"), 1))


def includes(text):
    for number, line in code_lines(text):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if found:
            yield number, found.group(1), found.group(2)


def code_files(files):
    return ((p, t) for p, t in sorted(files.items()) if p.endswith(CODE))


def include_direction(files):
    for path, text in code_files(files):
        parts = path.split("/")
        if parts[0] not in FOLDERS:
            continue
        within = "/".join(parts[:2])
        folder = within if within in MAY_INCLUDE else parts[0]
        for number, quote, target in includes(text):
            if quote != '"':
                continue
            to = target.split("/")[0]
            allowed = to in MAY_INCLUDE[folder] or (folder == "system" and target in VALUES)
            if os.path.join(os.path.dirname(path), target) in files:
                yield f"{path}:{number}: include {target} from the root of the tree"
            elif to in FOLDERS and not allowed:
                yield f"{path}:{number}: {folder} must not include {target}"
            elif path in VALUES and to in FOLDERS and target not in VALUES:
                yield f"{path}:{number}: not one of the headers of plain values: {target}"


def concrete_backends(files):
    """Only app, the registry and the tests name a backend; a backend may name itself."""
    for path, text in code_files(files):
        folder = path.split("/")[0]
        if folder in ("app", "tests") or path.startswith("backends/registry"):
            continue
        for number, _, target in includes(text):
            parts = target.split("/")
            if len(parts) < 3 or parts[0] != "backends" or parts[1] not in CONCRETE:
                continue
            if not path.startswith(f"backends/{parts[1]}/"):
                yield f"{path}:{number}: names a concrete backend ({target})"


def system_interfaces(files):
    """http uses no sockets; core and system use no event interface of a kernel."""
    header = re.compile(r"(liburing|liburing/.*|sys/(socket|sendfile|un)|netinet/.*|winsock2)\.h$")
    for path, text in code_files(files):
        folder = path.split("/")[0]
        for number, quote, target in includes(text):
            if quote != "<":
                continue
            if folder in ("http", "http1", "content", "log") and header.match(target):
                yield f"{path}:{number}: {folder} never sees a socket ({target})"
            if folder in ("core", "system") and re.match(r"liburing|sys/epoll", target):
                yield f"{path}:{number}: {folder} knows no backend ({target})"


def platform_conditionals(files):
    """CMake selects platforms; the preprocessor may only do so in backends and system."""
    asks = re.compile(r"\s*#\s*(?:el)?if\w*\b.*\b(?:_WIN32|WIN32|__linux__|__APPLE__|_MSC_VER)\b")
    for path, text in code_files(files):
        if path.split("/")[0] not in FOLDERS - {"backends", "system"}:
            continue
        for number, line in code_lines(text):
            if asks.match(line):
                yield f"{path}:{number}: platform conditional outside backends and system"


def pragma_once(files):
    for path, text in code_files(files):
        if path.endswith(".h") and "#pragma once" not in text:
            yield f"{path}: no #pragma once"


def left_behind(files):
    """Postponed work, tests that do not run, merge marks."""
    # Split in two parts, so that this file does not match itself.
    marks = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
    skips = re.compile(r"GTEST_" r"SKIP|\bDISABLED" r"_\w|@unittest\.sk" r"ip|\.skip" r"Test\(")
    for path, text in sorted(files.items()):
        for number, line in enumerate(text.split("\n"), 1):
            if marks.search(line) and path.endswith(CODE + (".py", ".sh", ".txt", ".cmake")):
                yield f"{path}:{number}: work left behind"
            if skips.search(line) and path.startswith("tests/"):
                yield f"{path}:{number}: a test that does not run"
            if re.match(r"(<{7}|>{7}) ", line):
                yield f"{path}:{number}: a merge mark"


def document_links(files):
    """The target of a relative link in a document exists."""
    for path, text in sorted(files.items()):
        if not path.endswith(".md"):
            continue
        fenced = False
        for number, line in enumerate(text.split("\n"), 1):
            fenced ^= line.lstrip().startswith("```")
            if fenced:
                continue
            for target in re.findall(r"\]\(([^)\s]+)\)", line):
                if re.match(r"[a-z]+:|#", target):
                    continue
                at = os.path.normpath(os.path.join(os.path.dirname(path), target.split("#")[0]))
                if at not in files and not any(p.startswith(at + "/") for p in files):
                    yield f"{path}:{number}: leads nowhere: {target}"


def listed_causes(files):
    """docs/windows.md lists the tests that Windows skips: each cause that the end-to-end tests give, and
    each source for another system."""
    document = " ".join(files.get("docs/windows.md", "").split())
    causes = dict(re.findall(r'(?m)^([A-Z_]+) = "([^"]+)"$', files.get("tests/e2e/harness.py", "")))
    for path, text in sorted(files.items()):
        if not path.startswith("tests/"):
            continue
        for name in sorted(set(re.findall(r"(?m)^ *@linux_only\((\w+)\)", text))):
            if causes.get(name, name) not in document:
                yield f"{path}: docs/windows.md does not list {name}"
        if re.search(r"_(linux|posix)_test\.cpp$", path) and os.path.basename(path) not in document:
            yield f"{path}: docs/windows.md does not list it"


CONTROL = re.compile(r"(?:if|for|while|switch|catch|else|do|try|return|namespace|class|struct|enum|union|extern)\b")


def functions(text):
    """(first line, lines) of each function with a body. A lambda counts as part of its function."""
    code = "\n".join("" if line.lstrip().startswith("#") else line for _, line in code_lines(text))
    open_braces, begin, parentheses = [], 0, 0
    for found in re.finditer(r"[(){};]", code):
        at, c = found.start(), found.group()
        if c == "(":
            parentheses += 1
        elif c == ")":
            parentheses -= 1
        elif c == ";" and parentheses == 0:
            begin = at + 1
        elif c == "{":
            before = code[begin:at].lstrip()
            bare = re.sub(r"\((?:[^()]|\([^()]*\))*\)", "()", before).replace("operator=", "")
            is_function = (parentheses == 0 and "()" in bare and not CONTROL.match(before)
                           and "=" not in re.sub(r"[!=<>]=", "", bare))
            open_braces.append((is_function, at - len(before), parentheses))
            begin, parentheses = at + 1, 0
        elif c == "}" and open_braces:
            is_function, first, parentheses = open_braces.pop()
            begin = at + 1
            if is_function:
                yield code.count("\n", 0, first) + 1, code.count("\n", first, at) + 1


def long_functions(files):
    for path, text in code_files(files):
        for first, lines in functions(text):
            if lines > FUNCTION_LINES_MAX:
                yield f"{path}:{first}: a function of {lines} lines"


# Declarations that only tests need: to inspect a folder from outside; until the service reloads its
# configuration.
FOR_TESTS = {"backend_variants", "requests_in_use", "timers_scheduled"} | {"stop_listening"}


def unused_declarations(files):
    """A declaration of a header has a user outside tests. It compares names only: an unused name that
    is also declared elsewhere is not found. The simulator is for tests."""
    own = {path: "\n".join(line for _, line in code_lines(text)) for path, text in code_files(files)
           if not path.startswith(("tests/", "backends/sim/"))}
    uses = collections.Counter(name for text in own.values() for name in re.findall(r"\w+", text))
    declared = collections.defaultdict(set)
    for path, text in own.items():
        if not path.endswith(".h"):
            continue
        for found in re.finditer(r"[\w&*>\]][ \n]+(\w+)\(", text):
            word = text[max(0, found.start() - 20):found.start() + 1].split()[-1]
            if word not in ("return", "else", "new", "throw", "case"):
                declared[found.group(1)].add(path)
        for found in re.finditer(r"\b(?:constexpr|class|struct|enum|using)\s[^;=(){}]*?\b(\w+)\s*[={:;]", text):
            declared[found.group(1)].add(path)
    for name, paths in sorted(declared.items()):
        if uses[name] > 2 * len(paths) + 1 or name in FOR_TESTS:
            continue
        definition = re.compile(rf"(?m)^(?!\s)[^;{{}}=]*?(?<![.>])\b{name}\s*\((?![^;{{]*;)")
        defined = sum(len(definition.findall(text)) for path, text in own.items()
                      if name in text and path.endswith(".cpp"))
        if uses[name] - defined <= len(paths):
            yield f"{min(paths)}: nobody uses {name}, but for tests"


def white_space(files):
    for path, text in sorted(files.items()):
        if not path.endswith(CODE + (".py", ".md", "Lists.txt", ".cmake", ".html", ".svg")):
            continue
        if text and not text.endswith("\n"):
            yield f"{path}: no newline at the end"
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip() or "\t" in line:
                yield f"{path}:{number}: tab, or space at the end of the line"


RULES = {
    include_direction: {"http/a.cpp": '#include "backends/epoll/epoll.h"\n',
                        "system/a.cpp": '#include "core/result.h"\n#include "core/server.h"\n',
                        "core/clock.h": '#pragma once\n#include "core/server.h"\n',
                        "content/a.cpp": '#include "http1/response.h"\n',
                        "http1/a.cpp": '#include "content/store.h"\n',
                        "log/a.cpp": '#include "http1/session.h"\n',
                        "bench/load/a.cpp": '#include "http/path.h"\n',
                        "bench/micro/a.cpp": '#include "http/path.h"\n'},
    concrete_backends: {"backends/posix/a.cpp": '#include "backends/epoll/epoll.h"\n'},
    system_interfaces: {"http/a.cpp": "#include <sys/socket.h>\n"},
    platform_conditionals: {"core/a.h": "#pragma once\n#if defined(__linux__)\n#endif\n"},
    pragma_once: {"core/a.h": "int f();\n"},
    left_behind: {"tests/unit/a.cpp": "GTEST_" "SKIP();\n"},
    listed_causes: {"tests/e2e/harness.py": 'CAUSE = "that is so"\n',
                    "tests/e2e/a.py": "@linux_only(CAUSE)\n"},
    long_functions: {"core/a.cpp": "void f(int x) {\n" + "    g(x);\n" * 69 + "}\n"},
    unused_declarations: {"core/a.h": "#pragma once\nint f();\nint g();\n",
                          "core/a.cpp": "int f() {\n    return 1;\n}\nint g() {\n    return 1;\n}\n",
                          "app/a.cpp": "int x = g();\n",
                          "tests/a.cpp": "int y = f();\n"},
    document_links: {"docs/a.md": "See [there](nowhere.md).\n"},
    white_space: {"core/a.cpp": "int x; \n"},
}

BREACHES = {include_direction: 7}  # the number above; each other rule has one

# Text that looks like a breach but is none.
INNOCENT = {
    "core/a.h": '#pragma once\n// #include "http/x.h" is what we do not do\n#include "core/b.h"\n',
    "core/b.h": "#pragma once\n#include <vector>\n",
    "system/a_linux.cpp": '#include "core/result.h"\n#if __linux__\n#endif\n',
    "app/main.cpp": '#include "backends/epoll/epoll.h"\n#include "http/a.h"\n',
    "backends/epoll/epoll.cpp": '#include <sys/epoll.h>\n#include "backends/epoll/epoll.h"\n',
    "docs/a.md": "[page](https://example.org/) and [b](b.md#part)\n```\n[no](link)\n```\n",
    "docs/b.md": "text\n",
    "docs/windows.md": "Left out: `a_linux_test.cpp`; that is\nso.\n",
    "tests/e2e/harness.py": 'CAUSE = "that is so"\n',
    "tests/e2e/a.py": "@linux_only(CAUSE)\n",
    "tests/unit/a_linux_test.cpp": "",
    "http/a.cpp": 'const char* s = "#if __linux__";\n',
    "core/c.cpp": "void f(int x) {\n" + "    g(x);\n" * 68 + "}\n",
    "core/d.cpp": "const int table[] = {\n" + "    f(1),\n" * 90 + "};\n",
}


def tracked_files():
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True, stdout=subprocess.PIPE).stdout
    return [name.decode() for name in listing.split(b"\0") if name]


def read_tree():
    files = {}
    for name in tracked_files():
        path = os.path.join(ROOT, name)
        if not os.path.isfile(path):
            continue
        with open(path, "rb") as stream:
            content = stream.read()
        # Images and fuzz inputs are not text; links only need to know that they exist.
        files[name] = "" if b"\0" in content or "/corpus/" in name else content.decode("utf-8")
    return files


class Tree(unittest.TestCase):
    maxDiff = None

    def test_every_rule_holds(self):
        files = read_tree()
        self.assertIn("core/backend.h", files)
        complaints = [c for rule in RULES for c in rule(files)]
        self.assertEqual([], complaints, "\n" + "\n".join(complaints))

    def test_blobs_are_small(self):
        big = [n for n in tracked_files() if os.path.isfile(os.path.join(ROOT, n))
               and os.path.getsize(os.path.join(ROOT, n)) > BLOB_BYTES_MAX]
        self.assertEqual([], big)

    def test_scripts_are_executable_and_nothing_else_is(self):
        scripts = {"dev", ".ci/run"}
        wrong = []
        for name in tracked_files():
            path = os.path.join(ROOT, name)
            if os.path.isfile(path) and not os.path.islink(path):
                if (name in scripts) != os.access(path, os.X_OK):
                    wrong.append(name)
        self.assertEqual([], wrong)


class Rules(unittest.TestCase):
    def test_each_rule_complains_about_its_breach(self):
        for rule, files in RULES.items():
            with self.subTest(rule.__name__):
                self.assertEqual(BREACHES.get(rule, 1), len(list(rule(files))))

    def test_no_rule_complains_about_the_innocent(self):
        for rule in RULES:
            with self.subTest(rule.__name__):
                self.assertEqual([], list(rule(INNOCENT)))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
