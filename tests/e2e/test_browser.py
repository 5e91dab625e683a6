"""What a user sees: Chromium, headless and offline, opens the site. The title and the three facts are
in the page, the logo is decoded, and the screenshot (kept beside the binary as site.png) shows it."""

import html
import json
import os
import re
import shutil
import struct
import subprocess
import tempfile
import unittest
import zlib

from harness import BINARY, SITE, ServerCase, main

FACTS = ("聂志强", "2012307", "信息安全")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--hide-scrollbars")

# Opens the site in a frame of the same origin and records how the browser rendered it.
LOOK = """<!DOCTYPE html><meta charset="utf-8"><title>look</title>
<iframe id="site" src="/" style="width: 1200px; height: 1200px"></iframe><pre id="seen"></pre><script>
window.addEventListener("load", () => {
  const page = document.getElementById("site").contentDocument;
  const logo = page.querySelector("img");
  const canvas = document.createElement("canvas");
  canvas.width = logo.naturalWidth;
  canvas.height = logo.naturalHeight;
  const drawing = canvas.getContext("2d");
  drawing.drawImage(logo, 0, 0);
  const icon = new XMLHttpRequest();
  icon.open("GET", page.querySelector("link[rel=icon]").href, false);
  icon.send();
  document.getElementById("seen").textContent = JSON.stringify({
    title: page.title, language: page.documentElement.lang, text: page.body.innerText,
    source: new URL(logo.src).pathname, complete: logo.complete,
    width: logo.naturalWidth, height: logo.naturalHeight, shown: logo.getBoundingClientRect().width,
    gold: [...drawing.getImageData(360, 66, 1, 1).data], icon: icon.status, mode: page.compatMode,
    overflow: page.documentElement.scrollWidth - page.documentElement.clientWidth,
    outside: performance.getEntriesByType("resource")
      .filter(entry => new URL(entry.name).host !== location.host).length});
});
</script>"""


def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return name
    raise AssertionError("no chromium here; ./dev test installs it")


def picture(path):
    """(width, height, rows of RGB or RGBA bytes, bytes per pixel) of a PNG that Chromium made."""
    with open(path, "rb") as file:
        data = file.read()
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            assert depth == 8 and colour in (2, 6)
            step = 3 if colour == 2 else 4
        elif kind == b"IDAT":
            packed += body
        at += length + 12
    raw, stride = zlib.decompress(packed), width * step
    above, rows = bytearray(stride), []
    for y in range(height):
        kind = raw[y * (stride + 1)]
        row = bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride if kind else 0):
            left = row[x - step] if x >= step else 0
            if kind == 1:
                guess = left
            elif kind == 2:
                guess = above[x]
            elif kind == 3:
                guess = (left + above[x]) // 2
            else:
                corner = above[x - step] if x >= step else 0
                estimate = left + above[x] - corner
                guess = min((abs(estimate - left), 0, left), (abs(estimate - above[x]), 1, above[x]),
                            (abs(estimate - corner), 2, corner))[2]
            row[x] = (row[x] + guess) & 255
        rows.append(row)
        above = row
    return width, height, rows, step


class Browser(ServerCase, unittest.TestCase):
    backend = "auto"

    def browse(self, url, *flags):
        profile = tempfile.mkdtemp(prefix="sluice-chromium-")
        self.addCleanup(shutil.rmtree, profile, True)
        run = subprocess.run([chromium(), *FLAGS, f"--user-data-dir={profile}", *flags, url],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, timeout=120, check=False)
        self.assertEqual(0, run.returncode, run.stderr.decode(errors="replace")[-2000:])
        return run.stdout.decode()

    def test_the_page(self):
        server = self.serve(root=SITE)
        page = self.browse(f"http://127.0.0.1:{server.port}/", "--dump-dom")
        self.assertRegex(page, r"<title>[^<]*聂志强[^<]*</title>")
        for fact in FACTS:
            self.assertIn(fact, page)

    def test_what_the_browser_made_of_it(self):
        shutil.copytree(SITE, self.root, dirs_exist_ok=True)
        self.put("look.html", LOOK)
        server = self.serve()
        page = self.browse(f"http://127.0.0.1:{server.port}/look.html", "--dump-dom")
        found = re.search(r'<pre id="seen">(\{.*?\})</pre>', page, re.S)
        self.assertTrue(found, page[-2000:])
        seen = json.loads(html.unescape(found.group(1)))
        self.assertIn("聂志强", seen["title"])
        self.assertEqual(("zh-CN", "CSS1Compat"), (seen["language"], seen["mode"]))
        for fact in FACTS:
            self.assertIn(fact, seen["text"])
        self.assertEqual("/static/computer-network.jpg", seen["source"])
        self.assertIs(True, seen["complete"])
        self.assertEqual((720, 720), (seen["width"], seen["height"]))
        red, green, blue, _ = seen["gold"]  # the topmost host of the drawing, from decoded pixels
        self.assertTrue(red > 220 and 140 < green < 220 and blue < 140, seen["gold"])
        self.assertGreater(seen["shown"], 200)
        self.assertLessEqual(seen["overflow"], 0)
        self.assertEqual((200, 0), (seen["icon"], seen["outside"]))

    def test_the_screenshot(self):
        server = self.serve(root=SITE)
        shot = os.path.join(os.path.dirname(BINARY), "site.png")
        if os.path.exists(shot):
            os.unlink(shot)
        self.browse(f"http://127.0.0.1:{server.port}/", "--window-size=1280,1200",
                    f"--screenshot={shot}")
        width, height, rows, step = picture(shot)
        self.assertEqual((1280, 1200), (width, height))
        # Gold and navy show the logo. Dark text on a light box (or the reverse) shows the facts, on
        # the left.
        gold = navy = light = dark = 0
        for row in rows[::2]:
            for x in range(0, len(row), 2 * step):
                red, green, blue = row[x:x + 3]
                gold += red > 220 and 140 < green < 225 and blue < 150
                navy += red < 40 and 20 < green < 100 and 40 < blue < 150
                light += red > 225 and green > 225 and blue > 225
                dark += red < 60 and green < 60 and blue < 75
        self.assertGreater(gold, 200)
        self.assertGreater(navy, 15_000)
        self.assertGreater(light, 1_000)
        self.assertGreater(dark, 1_000)


if __name__ == "__main__":
    main()
