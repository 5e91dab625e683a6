"""Every way to deploy, at full speed, under load. A witness process checks the disk all the time. A
name is answered 404 only if it was missing on disk at that moment or a quarter of a second before. An
answer is one whole version of the file, unless the way itself writes in place.

    SLUICE_DEPLOY_SECONDS=60 python3 tests/e2e/test_deploys.py build/release/sluice -k epoll

runs each way for a minute and prints the table of docs/deploys.md."""

import bisect
import multiprocessing
import os
import time
import unittest

import deploys
from harness import BACKENDS, Client, Closed, ServerCase, main, sanitizer

MINUTE = "SLUICE_DEPLOY_SECONDS"
SECONDS = float(os.environ.get(MINUTE, "0.5"))
# How long a restored name may still be answered 404. Other tests run beside and take CPU time.
ALLOWANCE = 0.25 if MINUTE in os.environ else 5.0 if sanitizer() else 2.0
LOOKERS = 2

fork = multiprocessing.get_context("fork")


def watch_disk(paths, looking, over, pipe):
    """For each path when it was missing: (last seen before, first missed, last missed, first seen
    again). The outer two are None if the watch did not cover them. `looking` is set after the first
    check."""
    absences = [[] for _ in paths]
    seen = [None] * len(paths)
    missing = [False] * len(paths)
    while not over.is_set():
        for number, path in enumerate(paths):
            before = time.monotonic()
            there = os.path.isfile(path)
            after = time.monotonic()
            if there:
                if missing[number]:
                    absences[number][-1][3] = after
                seen[number] = before
            elif missing[number]:
                absences[number][-1][2] = before
            else:
                absences[number].append([seen[number], after, before, None])
            missing[number] = not there
        looking.set()
        time.sleep(0.0005)
    pipe.send(absences)


def ask_all(address, requests, judges, may_cut, end, pipe):
    """Requests everything again and again, all at once: [(sent, received, [status of each])]. With
    `may_cut`, answers may be cut short, because their file was rewritten meanwhile."""
    rounds, wrong = [], []
    while time.monotonic() < end and not wrong:
        try:
            with Client(address) as client:
                while time.monotonic() < end:
                    rounds.append(ask_once(client, requests, judges, wrong))
        except Closed as error:
            if not may_cut:
                wrong.append(repr(error))
        except (OSError, AssertionError) as error:
            wrong.append(repr(error))
    pipe.send((rounds, wrong))


def ask_once(client, requests, judges, wrong):
    sent = time.monotonic()
    client.send(requests)
    statuses = []
    for judge in judges:
        response = client.read()
        statuses.append(response.status)
        if response.status == 200 and not judge(response.body):
            wrong.append(f"mixed: {response.body[:16]!r} and so on, {len(response.body)} bytes")
        elif response.status not in (200, 404):
            wrong.append(repr(response))
    return sent, time.monotonic(), statuses


def background(work, *arguments):
    """Runs work(*arguments, pipe) in another process. Returns a function that waits for the result."""
    here, there = fork.Pipe(duplex=False)
    process = fork.Process(target=work, args=(*arguments, there), daemon=True)
    process.start()
    there.close()

    def result():
        if not here.poll(SECONDS + 60):
            process.kill()
            raise AssertionError("a process does not end")
        value = here.recv()
        process.join(10)
        return value

    return result


class Judgement:
    """Compares the answers with what the witness saw."""

    def __init__(self):
        self.answers = self.missing = self.unwarranted = 0
        self.late = 0.0    # the longest time that a restored file was still answered 404
        self.behind = 0.0  # the longest time that a removed file was still served

    def add(self, absences, answers):
        """Adds one name; `answers` are (sent, received, status), by time."""
        sents = [sent for sent, _, _ in answers]
        for _, first, last, _ in absences:
            for at in range(bisect.bisect_left(sents, first), len(answers)):
                sent, received, status = answers[at]
                if received > last:
                    break
                if status == 200:
                    self.behind = max(self.behind, sent - first)
        begins = [float("-inf") if seen is None else seen for seen, *_ in absences]
        self.answers += len(answers)
        for sent, received, status in answers:
            if status == 404:
                self.missing += 1
                before = bisect.bisect_left(begins, received)
                again = absences[before - 1][3] if before > 0 else float("-inf")
                late = sent - again if again is not None else 0.0
                self.unwarranted += late > ALLOWANCE
                self.late = max(self.late, late)


class Deploys(ServerCase):
    def storm(self, kind):
        way = kind(self.work)
        server = self.serve(root=way.root)
        names = deploys.NAMES
        urls = ["/" + os.path.join(way.where, name) for name in names]
        requests = "".join(f"GET {url} HTTP/1.1\r\nHost: a\r\n\r\n" for url in urls).encode()
        wholes = [deploys.whole(name) for name in names]

        def judge(name, versions):
            return lambda body: (bytes(body) in versions
                                 or (way.tears and deploys.torn(name, bytes(body))))

        judges = [judge(*pair) for pair in zip(names, wholes)]
        paths = [os.path.join(way.root, way.where, name) for name in names]
        looking, over = fork.Event(), fork.Event()
        witness = background(watch_disk, paths, looking, over)
        self.assertTrue(looking.wait(60))  # the first check sees what is missing at the start
        end = time.monotonic() + SECONDS
        lookers = [background(ask_all, server.addresses[0], requests, judges, way.tears, end)
                   for _ in range(LOOKERS)]
        count = 0
        while time.monotonic() < end:
            count += 1
            way.deploy("AB"[count % 2])
        looked = [looker() for looker in lookers]
        over.set()
        absences = witness()
        both, one, wrong = Judgement(), Judgement(), []  # files of both versions, and of one
        for rounds, troubles in looked:
            wrong += troubles
            for number, name in enumerate(names):
                (both if name in deploys.FILES else one).add(
                    absences[number], [(sent, received, statuses[number])
                                       for sent, received, statuses in rounds])
        gap = max((last - first for number, name in enumerate(names) if name in deploys.FILES
                   for _, first, last, _ in absences[number]), default=0)
        self.report(way, count, gap, both, one, wrong)
        self.assertEqual([], wrong[:5])
        self.assertEqual(0, both.unwarranted, f"of {both.missing} times 404")
        if MINUTE not in os.environ:  # otherwise the table shows how late a new file is
            self.assertEqual(0, one.unwarranted, f"of {one.missing} times 404")
        self.assertGreater(both.answers, 0)
        # The last deployed version is served.
        shown = {name: deploys.content("AB"[count % 2], name) for name in deploys.FILES}

        def is_shown():
            with server.connect() as client:
                return all(bytes(client.ask("/" + os.path.join(way.where, name)).body) == body
                           for name, body in shown.items())

        self.eventually(is_shown, what="the last version")

    def report(self, way, count, gap, both, one, wrong):
        if MINUTE in os.environ:
            late, behind = max(both.late, one.late), max(both.behind, one.behind)
            print(f"| {way.title} | {way.commands} | {count:,} | {both.answers + one.answers:,} | "
                  f"{gap * 1000:.0f} ms | {both.missing:,} | {late * 1000:.0f} ms | "
                  f"{behind * 1000:.0f} ms | {both.unwarranted + len(wrong)} |",
                  flush=True)

    def stop(self, server, check=True):
        server.lines = [line for line in server.lines if "the root '" not in line]
        super().stop(server, check)


def tests_of(ways):
    def test(way):
        return lambda self: self.storm(way)

    return {"test_" + way.__name__: test(way) for way in ways}


# The content does not depend on the backend: the second one runs a few of them.
for number, backend in enumerate(BACKENDS):
    globals()[f"Deploys_{backend}"] = type(
        f"Deploys_{backend}", (Deploys, unittest.TestCase),
        {"backend": backend, **tests_of(deploys.WAYS if number == 0 else deploys.WAYS[::6])})


if __name__ == "__main__":
    main()
