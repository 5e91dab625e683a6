"""The lab, as an ordinary user: every card, from captured frames, in both languages and formats; and
the pcapng with comments, read by tshark."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BINARY = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
SITE = os.path.join(os.path.dirname(os.path.dirname(HERE)), "site")
STATUSES = {200, 206, 304, 400, 404, 405, 408, 414, 416, 431, 501, 505}


def run(*arguments):
    return subprocess.run([BINARY, "wire", *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=100, check=False)


class Lab(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="sluice-lab-")
        self.addCleanup(shutil.rmtree, self.work, True)

    def test_every_card_comes_from_frames(self):
        capture = os.path.join(self.work, "lab.pcapng")
        lab = run("--lab", SITE, "--json", "--pcapng", capture)
        self.assertEqual((0, ""), (lab.returncode, lab.stderr))
        records = [json.loads(line) for line in lab.stdout.splitlines()]
        statuses = {e["status"] for r in records for e in r.get("http", []) if "status" in e}
        self.assertLessEqual(STATUSES, statuses)
        closes = {r["close"] for r in records if r["type"] == "connection"}
        self.assertLessEqual({"three_segments", "four_segments", "reset", "refused"}, closes)
        first = next(r for r in records if r["type"] == "connection")
        self.assertEqual((2, "four_segments", "server"),
                         (first["exchanges"], first["close"], first["close_started_by"]))
        shown = subprocess.run(["tshark", "-n", "-r", capture, "-T", "fields", "-e",
                                "frame.comment"], stdin=subprocess.DEVNULL, capture_output=True,
                               text=True, timeout=60, check=True).stdout
        self.assertIn("close.four_segments: ", shown)
        self.assertEqual(sum(r["type"] == "frame" for r in records), len(shown.splitlines()))

    def test_the_reports(self):
        for language, words in (("zh", ("三次握手", "学号", "2012307")),
                                ("en", ("Three-way handshake", "2012307"))):
            html, text = (os.path.join(self.work, language + end) for end in (".html", ".md"))
            lab = run("--lab", SITE, "--lang", language, "--html", html, "--markdown", text)
            self.assertEqual((0, ""), (lab.returncode, lab.stderr))
            for path in (html, text):
                with open(path, encoding="utf-8") as report:
                    content = report.read()
                for word in words:
                    self.assertIn(word, content)
                self.assertIn("data:image/jpeg;base64,", content)
                for status in STATUSES:
                    self.assertIn(str(status), content)
            with open(html, encoding="utf-8") as report:
                page = report.read()
            self.assertNotIn("<script", page)
            self.assertIsNone(re.search(r'(?:src|href)="https?:', page))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
