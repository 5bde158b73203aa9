#!/usr/bin/env python3
"""kill -9 of a daemon at chosen moments: what it leaves is what its checkpoint says.

Each kill ends a run. `brigade eval` of what is left and then the first evaluation of a resume must
be the same number, and the resume must train each micro-batch once. (Every daemon checks
drawn = applied + in flight after each change, and aborts if it is not so.)

    BRIGADE_E2E_KILLS=all python3 tests/e2e/kills_test.py     twenty moments; some of them otherwise
"""

import json
import os
import signal

import harness

SHIM = harness.BIN.parent / "lib" / "libkill_at.so"
STAGES = 3
EVERY = 20  # micro-batches from checkpoint to checkpoint

# (node, point, count): tests/e2e/kill_at.cpp; "time" is seconds of training. Of the first list each
# is the end of a fresh run, of the second of the run that the one before left.
FRESH = [
    (0, "sent", 1),          # its first ClientHello
    (1, "received", 600),    # inside the TLS handshake
    (2, "sent", 3_000),      # around the Hello of the protocol
    (1, "write", 1),         # checkpoint 0
    (2, "rename", 1),
    (1, "received", 20_000),  # inside the first forward
    (0, "sent", 20_000),     # inside the first forward, seen from the other end
]
LATER = [
    (1, "sent", 1),
    (0, "received", 2_000),
    (2, "write", 2),          # the second checkpoint of this epoch, its header
    (1, "write", 3),
    (2, "sync", 3),           # on the disk perhaps, not under its name
    (0, "rename", 2),
    (1, "renamed", 2),        # under its name, the folder not synced, nobody told
    (2, "renamed", 3),
    (1, "sync", 4),
    (0, "time", 0.3),
    (1, "time", 0.7),
    (2, "time", 0.1),
    (0, "time", 1.1),
]


def chosen(moments, share):
    """All, or those that the gate has time for."""
    return moments if os.environ.get("BRIGADE_E2E_KILLS") == "all" else moments[::share]


class Kills(harness.EndToEndTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(os.environ.pop, "BRIGADE_KILL_AT", None)
        self.addCleanup(os.environ.pop, "LD_PRELOAD", None)

    def cut(self, out, arguments, moment):
        """A run that ends because one of its daemons was killed at `moment`."""
        node, point, count = moment
        before = len(self.events(out))
        if point != "time":
            os.environ["BRIGADE_KILL_AT"] = f"{node} {point} {count}"
            os.environ["LD_PRELOAD"] = str(SHIM)
        process = self.start(*arguments)
        os.environ.pop("LD_PRELOAD", None)
        if point == "time":
            pids = harness.wait_until(lambda: [
                event["pid"] for event in self.events(out)[before:]
                if event["event"] == "node" and event["stage"] == node], 60, "training")
            harness.time.sleep(count)
            os.kill(pids[-1], signal.SIGKILL)
        run = self.finish(process)
        self.assert_one_line(run, 1, f"stage {node}", "signal 9 (SIGKILL)", "--resume")

    def judged(self, out):
        """What `brigade eval` says of the newest checkpoint; None while there is none."""
        run = self.brigade("eval", out, "--json", "--batches", 8, "--device", "cpu", "--threads", 1)
        if run.code == 1 and "checkpoint" in run.err:
            return None
        self.assert_ended(run, 0)
        return json.loads(run.out)

    def resume(self, out, steps):
        return ["local", "--resume", out, "--steps", steps, "--device", "cpu", "--threads", 1]

    def check_resume(self, out, what):
        """Goes on from the newest checkpoint for a while; returns where it ended."""
        left = self.judged(out)
        position = left["microbatch"] if left else 0
        seen = len(self.events(out))
        last = position + EVERY + 5
        run = self.brigade(*self.resume(out, last))
        self.assert_ended(run, 0)
        events = self.events(out)[seen:]
        steps = [event["microbatch"] for event in events if event["event"] == "step"]
        self.assertEqual(steps, list(range(position + 1, last + 1)), what)
        self.assertEqual(events[-1]["microbatches"], last, what)
        self.assertEqual(events[-1]["lost_microbatches"], 0, what)
        newest = {event["stage"]: event["updates"] for event in events if event["event"] == "node"}
        self.assertEqual(newest, {stage: last for stage in range(STAGES)}, what)
        first = next((event for event in events if event["event"] == "eval"), None)
        if position > 0:
            self.assertEqual(first["microbatch"], position, what)
            self.assertAlmostEqual(first["val_loss"], left["val_loss"], delta=1e-5, msg=what)
        print(f"killed node {what}: goes on from {position}", flush=True)
        return last

    def test_a_kill_in_a_fresh_run(self):
        for number, moment in enumerate(chosen(FRESH, 3)):
            out = f"fresh-{number}"
            with self.subTest(moment=moment):
                self.cut(out, self.small_run(out, "--stages", STAGES, "--steps", 100_000,
                                             "--checkpoint-every", EVERY), moment)
                self.check_resume(out, f"{moment} in a fresh run")

    def test_kill_after_kill_of_one_run(self):
        self.assert_ended(self.brigade(*self.small_run("out", "--stages", STAGES, "--steps", EVERY,
                                                       "--checkpoint-every", EVERY)), 0)
        for moment in chosen(LATER, 4):
            with self.subTest(moment=moment):
                self.cut("out", self.resume("out", 100_000), moment)
                self.check_resume("out", str(moment))


if __name__ == "__main__":
    harness.main()
