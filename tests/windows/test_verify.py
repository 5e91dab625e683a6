"""packaging/windows/verify.ps1 as far as it can be tested without PowerShell: it is ASCII, its options
for sluice.exe exist, and the command lines that it expects to be refused are refused."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
from harness import PROGRAM, TREE, main  # pylint: disable=C0413

with open(os.path.join(TREE, "packaging", "windows", "verify.ps1"), "rb") as file:
    SCRIPT = file.read()
TEXT = re.sub(r"\s+", " ", SCRIPT.decode("latin-1"))


def run(*arguments):
    return subprocess.run([*PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, check=False)


class Verify(unittest.TestCase):
    def test_every_windows_reads_it_alike(self):
        self.assertTrue(SCRIPT.isascii())

    def test_it_uses_options_that_there_are(self):
        used = {}
        for command, arguments in (
                re.findall(r"Run @\('(\w+)'([^)]*)\)", TEXT) +
                [("serve", one) for one in re.findall(r"Serve \$\w+ @\(([^)]*)\)", TEXT)]):
            used.setdefault(command, set()).update(re.findall(r"'(--[\w-]+)'", arguments))
        self.assertEqual({"serve", "bench", "compare", "wire"}, set(used))
        self.assertLess(10, sum(len(options) for options in used.values()))
        for command, options in used.items():
            known = re.findall(r"--[\w-]+", run(command, "--help").stdout)
            self.assertEqual(set(), options - set(known), command)

    def test_what_it_says_is_refused(self):
        cases = re.findall(r"Refused (\d) @\(([^)]*)\)", TEXT)
        self.assertLess(5, len(cases))
        with tempfile.TemporaryDirectory() as root:
            for code, text in cases:
                arguments = [word.strip("'\"").replace("$root\\", root + "/").replace("$root", root)
                             for word in re.findall(r"'[^']*'|\"[^\"]*\"|\$\w+", text)]
                if any("$port" in one for one in arguments):
                    continue  # needs a port that a server has; test_wine tests that
                refused = run(*arguments)
                self.assertEqual((int(code), 1),
                                 (refused.returncode, refused.stderr.count("\n")), refused)


if __name__ == "__main__":
    main()
