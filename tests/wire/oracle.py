"""tshark as the oracle: reads one capture with both programs and lists every difference, packet by
packet. docs/wire.md names the known differences and why we do not follow tshark; test_oracle.py
lets only these pass."""

import json
import subprocess

ANALYSIS = {
    "retransmission": "tcp.analysis.retransmission",
    "fast_retransmission": "tcp.analysis.fast_retransmission",
    "spurious_retransmission": "tcp.analysis.spurious_retransmission",
    "out_of_order": "tcp.analysis.out_of_order",
    "previous_segment_not_captured": "tcp.analysis.lost_segment",
    "acked_unseen_segment": "tcp.analysis.ack_lost_segment",
    "duplicate_ack": "tcp.analysis.duplicate_ack",
    "zero_window": "tcp.analysis.zero_window",
    "zero_window_probe": "tcp.analysis.zero_window_probe",
    "zero_window_probe_ack": "tcp.analysis.zero_window_probe_ack",
    "window_update": "tcp.analysis.window_update",
    "window_full": "tcp.analysis.window_full",
    "keep_alive": "tcp.analysis.keep_alive",
    "keep_alive_ack": "tcp.analysis.keep_alive_ack",
    "ports_reused": "tcp.analysis.reused_ports",
}
FIELDS = ["frame.number", "tcp.stream", "tcp.flags", "tcp.seq", "tcp.seq_raw", "tcp.ack",
          "tcp.ack_raw", "tcp.len", "tcp.window_size_value", "tcp.window_size",
          "tcp.options.mss_val", "tcp.options.wscale.shift", "tcp.options.sack_perm",
          "tcp.options.timestamp.tsval", "tcp.options.timestamp.tsecr",
          "tcp.options.sack_le", "tcp.analysis.duplicate_ack_num",
          "tcp.analysis.duplicate_ack_frame",
          "http.request.method", "http.request.uri", "http.response.code", "ip.src", "ipv6.src",
          "tcp.srcport", *ANALYSIS.values()]
PREFERENCES = ["-o", "tcp.reassemble_out_of_order:TRUE", "-o", "http.decompress_body:FALSE"]


def tshark(path, ports):
    command = ["tshark", "-n", "-2", "-r", path, "-T", "fields", "-E", "separator=\t",
               "-E", "occurrence=a", "-E", "aggregator=|", *PREFERENCES]
    command[2:3] = []  # one pass, as a live reader sees it
    for port in ports:
        command += ["-d", f"tcp.port=={port},http"]
    for field in FIELDS:
        command += ["-e", field]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         timeout=300, check=True)
    return [dict(zip(FIELDS, line.split("\t"))) for line in run.stdout.splitlines()]


def sluice(binary, path):
    run = subprocess.run([binary, "wire", "--json", path], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, timeout=300, check=False)
    records = [json.loads(line) for line in run.stdout.splitlines()]
    return records, run


def number(text, base=10):
    return int(text.split("|")[0], base) if text else None


class Streams:
    """Maps our connections to tshark's streams. We begin a new one at a SYN/ACK whose SYN was not
    captured; tshark stays in the earlier one, whose relative numbers are then wrong."""

    def __init__(self):
        self.theirs, self.rebegun = {}, set()

    def compare(self, ours, theirs):
        stream, expected = ours["stream"], number(theirs["tcp.stream"])
        if stream not in self.theirs:
            answer = ours["flags"] & 0x12 == 0x12 and "ports_reused" in ours["analysis"]
            if answer:
                self.rebegun.add(stream)
            elif expected in self.theirs.values():
                return [("stream", stream, expected)]
            self.theirs[stream] = expected
        return [] if self.theirs[stream] == expected else [("stream", stream, expected)]


# Fields of a segment that do not depend on earlier ones.
BY_ITSELF = ("flags", "seq_raw", "ack_raw", "payload", "window_raw", "mss", "window_scale",
             "sack_permitted", "timestamp", "timestamp_echo", "sack_blocks")


def compare_segment(ours, theirs):
    """[(what, ours, theirs)]"""
    options = ours["options"]
    pairs = [
        ("flags", ours["flags"], number(theirs["tcp.flags"], 16)),
        ("seq", ours["seq"], number(theirs["tcp.seq"])),
        ("seq_raw", ours["seq_raw"], number(theirs["tcp.seq_raw"])),
        ("ack_raw", ours["ack_raw"], number(theirs["tcp.ack_raw"])),
        ("ack", ours["ack"], number(theirs["tcp.ack"])),
        ("payload", ours["payload"], number(theirs["tcp.len"])),
        ("window_raw", ours["window_raw"], number(theirs["tcp.window_size_value"])),
        ("window", ours["window"], number(theirs["tcp.window_size"])),
        ("mss", options.get("mss"), number(theirs["tcp.options.mss_val"])),
        ("window_scale", options.get("window_scale"), number(theirs["tcp.options.wscale.shift"])),
        ("sack_permitted", options.get("sack_permitted", False),
         bool(theirs["tcp.options.sack_perm"])),
        ("timestamp", options.get("timestamp"), number(theirs["tcp.options.timestamp.tsval"])),
        ("timestamp_echo", options.get("timestamp_echo"),
         number(theirs["tcp.options.timestamp.tsecr"])),
        ("sack_blocks", len(options.get("sack", [])),
         len([e for e in theirs["tcp.options.sack_le"].split("|") if e])),
        ("duplicate_ack_number", ours.get("duplicate_ack", {}).get("number"),
         number(theirs["tcp.analysis.duplicate_ack_num"])),
        ("duplicate_ack_of", ours.get("duplicate_ack", {}).get("of"),
         number(theirs["tcp.analysis.duplicate_ack_frame"])),
    ]
    seen = set(ours["analysis"])
    # tshark marks fast and spurious ones as retransmissions as well.
    for name, field in ANALYSIS.items():
        expected = bool(theirs[field])
        if name == "retransmission" and (theirs[ANALYSIS["fast_retransmission"]] or
                                         theirs[ANALYSIS["spurious_retransmission"]]):
            expected = False
        pairs.append((name, name in seen, expected))
    return [(what, a, b) for what, a, b in pairs if a != b]


def http_of(ours):
    """What tshark shows in the frame that completes a message: ([(method, target)], [status])."""
    requests, responses = [], []
    for event in ours.get("http", []):
        done = event["event"] == "end"
        interim = event["event"] == "head" and event["message"] == "response" and \
            100 <= event.get("status", 0) < 200
        if event["message"] == "request" and done:
            requests.append((event["method"], event["target"]))
        elif event["message"] == "response" and (done or interim):
            responses.append(event["status"])
    return requests, responses


def http_of_theirs(theirs):
    methods = [m for m in theirs["http.request.method"].split("|") if m]
    targets = [t for t in theirs["http.request.uri"].split("|") if t]
    codes = [int(c) for c in theirs["http.response.code"].split("|") if c]
    return list(zip(methods, targets)), codes


def differences(binary, path, ports, compare_http=True):
    """(number of segments compared, [(frame, what, ours, theirs)])."""
    records, _ = sluice(binary, path)
    frames = {r["number"]: r for r in records if r["type"] == "frame"}
    found, compared, streams = [], 0, Streams()
    for theirs in tshark(path, ports):
        frame = int(theirs["frame.number"])
        ours = frames.pop(frame, None)
        if ours is None:
            found.append((frame, "frame", None, "there"))
            continue
        if not theirs["tcp.flags"]:
            if "skipped" not in ours:
                found.append((frame, "decoded", ours, None))
            continue
        if "skipped" in ours:
            found.append((frame, "decoded", ours["skipped"], "tcp"))
            continue
        if "second_copy" in ours["analysis"]:
            continue
        compared += 1
        seen = streams.compare(ours, theirs) + compare_segment(ours, theirs)
        if ours["stream"] in streams.rebegun:
            seen = [one for one in seen if one[0] in ("stream", *BY_ITSELF)]
        found += [(frame, *one) for one in seen]
        if compare_http and http_of(ours) != http_of_theirs(theirs):
            found.append((frame, "http", http_of(ours), http_of_theirs(theirs)))
    found += [(frame, "frame", "there", None) for frame in frames]
    return compared, found
