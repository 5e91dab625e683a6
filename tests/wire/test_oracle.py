"""`sluice wire` against tshark, packet by packet: over captures of our own server on a private
loopback, and over random TCP made from seeds, with loss, reordering and retransmissions."""

import collections
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import oracle
import random_capture

BINARY = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
SITE = os.path.join(os.path.dirname(os.path.dirname(HERE)), "site")


def excused(differences):
    """The differences without those that docs/wire.md justifies."""
    by_frame = collections.defaultdict(list)
    for frame, *rest in differences:
        by_frame[frame].append(tuple(rest))
    left = []
    for frame, found in by_frame.items():
        # tshark calls a retransmission fast after an ACK of something unseen, without duplicate ACKs.
        fast = ("fast_retransmission", False, True)
        if fast in found:
            found = [f for f in found if f not in (fast, ("retransmission", True, False),
                                                   ("out_of_order", True, False))]
        left += [(frame, *f) for f in found]
    return left


class Oracle(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="sluice-wire-")
        self.addCleanup(shutil.rmtree, self.work, True)
        os.chmod(self.work, 0o777)

    def path(self, name):
        return os.path.join(self.work, name)

    def test_our_server_on_loopback(self):
        capture = self.path("loopback.pcapng")
        subprocess.run(["unshare", "-rn", sys.executable, "-B", os.path.join(HERE, "loopback.py"),
                        BINARY, SITE, capture], stdin=subprocess.DEVNULL, timeout=120, check=True)
        compared, found = oracle.differences(BINARY, capture, [8080])
        self.assertGreater(compared, 150)
        self.assertEqual([], excused(found))
        records, run = oracle.sluice(BINARY, capture)
        self.assertEqual((0, ""), (run.returncode, run.stderr))
        closes = {r["close"] for r in records if r["type"] == "connection"}
        self.assertLessEqual({"refused", "reset", "three_segments", "four_segments"}, closes)

    def test_other_peoples_servers(self):
        capture = self.path("peers.pcapng")
        subprocess.run(["unshare", "-rn", sys.executable, "-B", os.path.join(HERE, "peers.py"), SITE,
                        self.work, capture], stdin=subprocess.DEVNULL, timeout=120, check=True)
        compared, found = oracle.differences(BINARY, capture, [8081, 8082])
        self.assertGreater(compared, 5000)
        self.assertEqual([], excused(found))
        records, run = oracle.sluice(BINARY, capture)
        self.assertEqual((0, ""), (run.returncode, run.stderr))
        messages = [e for r in records for e in r.get("http", []) if e["message"] == "response"]
        framings = {e["framing"] for e in messages if e["event"] == "end"}
        self.assertLessEqual({"length", "chunked", "none"}, framings)
        self.assertLessEqual({"HTTP/1.0", "HTTP/1.1"}, {e["version"] for e in messages})
        servers = {f["value"].split("/")[0] for e in messages for f in e.get("fields", [])
                   if f["name"].lower() == "server"}
        self.assertLessEqual({"nginx", "lighttpd"}, servers)

    def test_a_bad_line(self):
        capture = self.path("relay.pcapng")
        space = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
        subprocess.run([*space, sys.executable, "-B", os.path.join(HERE, "relay.py"), BINARY, SITE,
                        capture], stdin=subprocess.DEVNULL, timeout=120, check=True)
        compared, found = oracle.differences(BINARY, capture, [8080])
        self.assertGreater(compared, 300)
        self.assertEqual([], excused(found))
        records, run = oracle.sluice(BINARY, capture)
        self.assertEqual((0, ""), (run.returncode, run.stderr))
        seen = collections.Counter(a for r in records for a in r.get("analysis", []))
        for kind in ("retransmission", "out_of_order", "duplicate_ack",
                     "previous_segment_not_captured", "spurious_retransmission"):
            self.assertGreater(seen[kind], 0, kind)
        last = [r for r in records if r["type"] == "connection"][-1]
        self.assertEqual("simultaneous", last["close"])
        self.assertEqual(["client", "server"], sorted(last["time_wait"]))
        rules = {n["rule"] for r in records for n in r.get("notes", [])}
        self.assertLessEqual({"tcp.simultaneous_open", "close.simultaneous"}, rules)

    def test_made_up_conversations(self):
        total, fast = 0, 0
        for seed in range(4):  # tshark takes longer to start than to read
            with self.subTest(seed=seed):
                capture = self.path(f"{seed}.pcap")
                random_capture.write(capture, seed, conversations=72)
                compared, found = oracle.differences(BINARY, capture, [], compare_http=False)
                total += compared
                left = excused(found)
                fast += len(left) != len(found)
                self.assertEqual([], left)
        self.assertGreater(total, 8000)
        self.assertLess(fast, 10)  # only a few may be excused


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
