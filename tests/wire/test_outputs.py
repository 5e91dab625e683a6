"""`sluice wire FILE` writes the same bytes for our captures on every system: text and HTML in both
languages, Markdown, the annotated capture, JSON. outputs.txt holds their digests; after an intended
change, SLUICE_WRITE=1 writes them again."""

import hashlib
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
from harness import PROGRAM, main  # pylint: disable=C0413

CAPTURES = os.path.join(HERE, "captures")
OUTPUTS = os.path.join(HERE, "outputs.txt")


def content(path):
    with open(path, "rb") as file:
        return file.read()


class Outputs(unittest.TestCase):
    def wire(self, *arguments):
        run = subprocess.run([*PROGRAM, "wire", *arguments], cwd=CAPTURES, timeout=60,
                             stdin=subprocess.DEVNULL, capture_output=True, check=False)
        self.assertIn(run.returncode, (0, 1), run.stderr)
        return run.stdout

    def outputs(self, capture, languages):
        """The output of each kind."""
        first, second = languages
        yield f"text.{first}", self.wire(capture, "--lang", first)
        with tempfile.TemporaryDirectory() as folder:
            files = {kind: os.path.join(folder, kind) for kind in ("html", "markdown", "pcapng")}
            self.wire(capture, "--lang", second,
                      *(word for kind, path in files.items() for word in ("--" + kind, path)))
            for kind, path in files.items():
                yield f"{kind}.{second}", content(path)
        # Each reader words the error of a damaged capture differently.
        yield "json", b"".join(line for line in self.wire(capture, "--json").splitlines(True)
                               if not line.startswith(b'{"type":"error"'))

    def test_the_same_everywhere(self):
        now = []
        # The languages alternate, to save time under Wine.
        for turn, capture in enumerate(sorted(os.listdir(CAPTURES))):
            for kind, output in self.outputs(capture, ("en", "zh") if turn % 2 else ("zh", "en")):
                self.assertGreater(len(output), 100, (capture, kind))
                now.append(f"{capture} {kind} {hashlib.sha256(output).hexdigest()[:16]}")
        if os.environ.get("SLUICE_WRITE"):
            with open(OUTPUTS, "w", encoding="ascii") as out:
                out.write("\n".join(now) + "\n")
        wanted = content(OUTPUTS).decode().splitlines()
        self.assertEqual([], sorted(set(wanted) ^ set(now)))


if __name__ == "__main__":
    main()
