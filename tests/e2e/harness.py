"""What the end-to-end tests share: real programs in a folder of their own, and what they said.

Run by ctest, or by hand: BRIGADE_BIN=build/release/bin python3 tests/e2e/train_test.py
Python's standard library only. BRIGADE_E2E_KEEP=1 keeps the folders.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

BIN = pathlib.Path(os.environ.get("BRIGADE_BIN", "build/release/bin")).resolve()
BRIGADE = BIN / "brigade"
BRIGADED = BIN / "brigaded"

# English enough to be learned from, the same every time, and no file of this machine.
SENTENCES = (
    "The line of people passes the water from hand to hand until the fire is out.",
    "A stage that holds a bucket does not wait for the others to be done with theirs.",
    "Where one of them is slow, the rest of the line is as slow as that one.",
    "When somebody leaves, the two beside the gap step closer and go on.",
    "Nobody runs back to the river: what was spilled is drawn again.",
)

# A model small enough that a run takes as long as its processes take to start.
SMALL_MODEL = """
[model]
context = 32
width = 32
blocks = {blocks}
heads = 2
"""


def sample_text(sentences=4000):
    """Pseudo-random order by a fixed generator, so that a bigram model can't know what follows."""
    state = 12345
    lines = []
    for _ in range(sentences):
        state = (1103515245 * state + 12345) % 2**31
        lines.append(SENTENCES[(state >> 16) % len(SENTENCES)])
    return "\n".join(lines) + "\n"


class Run:
    """A program that has ended: its exit code and what it said."""

    def __init__(self, code, out, err, seconds):
        self.code = code
        self.out = out
        self.err = err
        self.seconds = seconds

    def __str__(self):
        return (f"exit {self.code} after {self.seconds:.1f} s\n"
                f"--- stdout\n{self.out}\n--- stderr\n{self.err}")


def is_alive(pid):
    """A zombie is not: it only waits for its parent to ask."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for: {what}")
        time.sleep(0.05)
    return result


class EndToEndTest(unittest.TestCase):
    """A folder for each test; every process that it started is gone when it ends."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="brigade-e2e-"))
        self.started = []
        self.text = self.folder / "text.txt"
        self.text.write_text(sample_text())

    def tearDown(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
        if os.environ.get("BRIGADE_E2E_KEEP"):
            print(f"kept {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def model(self, blocks=4):
        file = self.folder / f"model-{blocks}.toml"
        file.write_text(SMALL_MODEL.format(blocks=blocks))
        return file

    def small_run(self, out, *flags, blocks=4):
        """Arguments of a local run that takes seconds."""
        return ["local", "--model", self.model(blocks), "--data", self.text, "--out",
                self.folder / out, "--device", "cpu", "--threads", "1", "--batch", "4", *flags]

    def brigade(self, *arguments, program=BRIGADE, timeout=110, typed=""):
        """Runs to the end; `typed` is what stdin says."""
        started = time.monotonic()
        done = subprocess.run([str(program), *map(str, arguments)], cwd=self.folder,
                              timeout=timeout, input=typed, capture_output=True,
                              text=True, errors="replace", check=False)
        return Run(done.returncode, done.stdout, done.stderr, time.monotonic() - started)

    def start(self, *arguments, program=BRIGADE):
        """Starts and goes on; finish() collects."""
        process = subprocess.Popen([str(program), *map(str, arguments)], cwd=self.folder,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, errors="replace")
        self.started.append(process)
        return process

    def finish(self, process, timeout=110):
        started = time.monotonic()
        out, err = process.communicate(timeout=timeout)
        return Run(process.returncode, out, err, time.monotonic() - started)

    def events(self, out, kind=None):
        """The run's log so far; a last line that is not whole yet is left out."""
        try:
            lines = (self.folder / out / "events.jsonl").read_text().split("\n")[:-1]
        except FileNotFoundError:
            return []
        parsed = [json.loads(line) for line in lines]
        return [event for event in parsed if kind in (None, event["event"])]

    def wait_for_step(self, out, microbatch, process, seconds=60):
        """Until a running `process` has trained so far."""

        def reached():
            if process.poll() is not None:
                raise AssertionError(f"ended early: {self.finish(process)}")
            steps = self.events(out, "step")
            return bool(steps) and steps[-1]["microbatch"] >= microbatch

        wait_until(reached, seconds, f"micro-batch {microbatch} of {out}")

    def daemons(self, out):
        """Process ids by stage, from the log."""
        return {event["stage"]: event["pid"] for event in self.events(out, "node")}

    def assert_ended(self, run, code):
        self.assertEqual(run.code, code, str(run))

    def assert_one_line(self, run, code, *parts):
        """One line on stderr that starts as every error does and holds `parts`."""
        self.assertEqual(run.code, code, str(run))
        lines = run.err.strip("\n").split("\n")
        self.assertEqual(len(lines), 1, str(run))
        self.assertRegex(lines[0], r"^brigaded?: ", str(run))
        self.assertFalse(lines[0].endswith("."), str(run))
        for part in parts:
            self.assertIn(str(part), lines[0], str(run))

    def assert_gone(self, pids, seconds=10):
        wait_until(lambda: not any(map(is_alive, pids)), seconds, f"the end of {pids}")


def interrupt(process):
    process.send_signal(signal.SIGINT)


def main():
    if not BRIGADE.exists():
        sys.exit(f"{BRIGADE} is not there: set BRIGADE_BIN to the folder of the programs")
    unittest.main(verbosity=2)
