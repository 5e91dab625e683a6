"""The lab, run by an ordinary user: every scenario, from captured frames, in both languages and
formats; the pcapng with comments, read by tshark; and what Chromium fetches."""

import concurrent.futures
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
STATUSES = {200, 206, 301, 304, 400, 404, 405, 408, 414, 416, 431, 501, 505}


# Runs a command in a system that forbids nested namespaces; its loopback is up.
FORBIDDEN = ["unshare", "-rn", "sh", "-ec", """
ip link set lo up
echo 0 >/proc/sys/user/max_user_namespaces
echo 0 >/proc/sys/user/max_net_namespaces
exec "$@" """, "sh"]


def run(*arguments, before=(), binary=BINARY, work=None):
    return subprocess.run([*before, binary, "wire", *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=100, check=False, cwd=work)


def ordinary_user(work):
    """The words that make a command run as an ordinary user, in a directory of that user."""
    if os.geteuid() != 0:
        return []
    os.chown(work, 65534, 65534)
    return ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
            "--bounding-set=-all", "--inh-caps=-all"]


def text_of(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


class Lab(unittest.TestCase):
    """Five concurrent runs, each in its own network."""

    @classmethod
    def browse(cls):
        return run("--lab", SITE, "--browser", "--html", "browser.html", "--json", work=cls.work)

    def asked_by_browser(self):
        """The browser's streams and the targets that it asked for."""
        frames = [r for r in self.records("browser") if r["type"] == "frame"]
        agent = [r["stream"] for r in frames for e in r.get("http", []) for f in e.get("fields", [])
                 if f["name"] == "User-Agent" and "HeadlessChrome" in f["value"]]
        return agent, [e["target"] for r in frames if r["stream"] in agent for e in r.get("http", [])
                       if e["event"] == "head" and e["message"] == "request"]

    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.mkdtemp(prefix="sluice-lab-")
        cls.addClassCleanup(shutil.rmtree, cls.work, True)
        os.chmod(cls.work, 0o755)
        cls.user = os.path.join(cls.work, "user")
        os.mkdir(cls.user)
        binary = shutil.copy(BINARY, os.path.join(cls.work, "sluice"))
        shutil.copytree(SITE, os.path.join(cls.user, "site"))
        docs = os.path.join(cls.work, "with_docs")
        shutil.copytree(SITE, docs)
        shutil.copytree(SITE, os.path.join(docs, "a", "docs"))
        unable = [*FORBIDDEN, "setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"]
        runs = {
            "user": lambda: run("--lab", "site", "--lang", "zh", "--html", "report.html", "--markdown",
                                "report.md", "--pcapng", "lab.pcapng", "--json", binary=binary,
                                before=ordinary_user(cls.user), work=cls.user),
            "docs": lambda: run("--lab", docs, "--html", "en.html", "--markdown", "en.md",
                                work=cls.work),
            "shared": lambda: run("--lab", SITE, "--json", before=FORBIDDEN),
            "unable": lambda: run("--lab", SITE, "--html", "kernel.html", before=unable,
                                  work=cls.work),
            "browser": cls.browse,
        }
        with concurrent.futures.ThreadPoolExecutor(len(runs)) as pool:
            futures = {name: pool.submit(run_it) for name, run_it in runs.items()}
        cls.ran = {name: future.result() for name, future in futures.items()}
        cls.unable = unable

    def records(self, name):
        return [json.loads(line) for line in self.ran[name].stdout.splitlines()]

    def good(self, name):
        self.assertEqual((0, ""), (self.ran[name].returncode, self.ran[name].stderr))

    def test_every_scenario_comes_from_frames(self):
        self.good("user")
        records = self.records("user")
        statuses = {e["status"] for r in records for e in r.get("http", []) if "status" in e}
        self.assertLessEqual(STATUSES, statuses)
        closes = {r["close"] for r in records if r["type"] == "connection"}
        self.assertLessEqual({"three_segments", "four_segments", "reset", "refused"}, closes)
        first = next(r for r in records if r["type"] == "connection")
        self.assertEqual((2, "four_segments", "server"),
                         (first["exchanges"], first["close"], first["close_started_by"]))

    def test_the_pcapng_carries_the_lessons_and_no_secrets(self):
        capture = os.path.join(self.user, "lab.pcapng")
        shown = subprocess.run(["tshark", "-n", "-r", capture, "-T", "fields", "-e",
                                "frame.comment"], stdin=subprocess.DEVNULL, capture_output=True,
                               text=True, timeout=60, check=True).stdout
        self.assertIn("close.four_segments: ", shown)
        frames = sum(r["type"] == "frame" for r in self.records("user"))
        self.assertEqual(frames, len(shown.splitlines()))
        with open(capture, "rb") as file:
            written = file.read()
        self.assertIn(b"\r\nCookie: xxxxxxxx", written)
        self.assertNotIn(b"SL_wptGlobTipTm", written)

    def test_the_reports(self):
        self.good("docs")
        pages = {"zh": [(self.user, "report.html"), (self.user, "report.md")],
                 "en": [(self.work, "en.html"), (self.work, "en.md")]}
        for language, words in (("zh", ("三次握手", "最后一次挥手", "聂志强", "信息安全", "2012307")),
                                ("en", ("Three-way handshake", "**Last**", "2012307"))):
            for path in pages[language]:
                content = text_of(*path)
                for word in words:
                    if path[-1].endswith(".html"):
                        word = word.replace("**Last**", "<strong>Last</strong>")
                    self.assertIn(word, content)
                self.assertIn("data:image/jpeg;base64,", content)
                for status in STATUSES:
                    self.assertIn(str(status), content)
                self.assertNotIn("SL_wptGlobTipTm", content)  # a cookie's value
            page = text_of(*pages[language][0])
            self.assertIn("<iframe sandbox", page)
            self.assertNotIn("<script", page)
            self.assertIsNone(re.search(r'(?:src|href)="https?:', page))

    def test_the_redirect_is_the_sites_own_where_it_has_one(self):
        report = text_of(self.work, "en.md")
        self.assertIn("Location: /a/docs/", report)
        self.assertNotIn("a root that the lab made", report)
        self.assertIn("根目录由实验临时建立", text_of(self.user, "report.md"))

    def test_without_namespaces_the_shared_loopback_is_captured(self):
        lab = self.ran["shared"]
        self.assertEqual(0, lab.returncode, lab.stderr)
        self.assertIn("forbids private network namespaces", lab.stderr)
        records = self.records("shared")
        self.assertIn("(shared)", records[0]["source"])
        statuses = {e["status"] for r in records for e in r.get("http", []) if "status" in e}
        self.assertLessEqual(STATUSES, statuses)

    def test_without_any_right_the_kernel_tells_what_it_can(self):
        lab = self.ran["unable"]
        self.assertEqual(0, lab.returncode, lab.stderr)
        self.assertIn("reconstructed", lab.stderr)
        report = text_of(self.work, "kernel.html")
        for word in ("Reconstructed.", "ESTABLISHED", "CLOSE_WAIT", "FIN_WAIT_2", "TIME_WAIT", "MSS",
                     "65495", "2012307", "HTTP/1.1 304", "data:image/jpeg;base64,"):
            self.assertIn(word, report)
        for word in ("#1 ", "Seq=0", "SL_wptGlobTipTm"):
            self.assertNotIn(word, report)  # no frames, no relative numbers, no secrets
        refused = run("--lab", SITE, "--json", before=self.unable)
        self.assertEqual((1, ""), (refused.returncode, refused.stdout))

    def test_what_a_browser_fetches_is_explained(self):
        for _ in range(3):
            self.good("browser")
            agent, targets = self.asked_by_browser()
            self.assertTrue(agent)
            self.assertEqual(["/", "/static/computer-network.jpg"], targets[:2])
            favicon = [t for t in targets if t.startswith("/favicon.")]
            if favicon:
                break
            # On a busy machine Chromium may end before it asks for the icon.
            self.ran["browser"] = self.browse()
        self.assertTrue(favicon)
        rules = {n["rule"] for r in self.records("browser") for n in r.get("notes", [])}
        self.assertLessEqual({"http.favicon", "tcp.silent_connection"}, rules)
        page = text_of(self.work, "browser.html")
        for word in ("Browsers ask for the page&#39;s icon by themselves", "(preconnect)",
                     "HeadlessChrome", "GET /static/computer-network.jpg", favicon[0],
                     "data:image/jpeg;base64,", "2012307"):
            self.assertIn(word, page)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
