"""Machines that join a swarm: a home folder each, and perhaps a network of its own."""

import json
import os
import shutil
import signal
import socket
import subprocess

import harness

SWARM = """
name = "tiny-swarm"
stages = 3
[model]
context = 32
width = 32
blocks = 4
heads = 2
vocabulary = {vocabulary}
[data]
train = "{folder}/data/train.bin"
validation = "{folder}/data/val.bin"
[run]
seed = {seed}
steps = {steps}
batch = 4
context = 32
checkpoint_every = 50
"""
TRAINS_WITHIN_S = 60


class SwarmTest(harness.EndToEndTest):
    """A swarm that was created and that nobody has joined."""

    def setUp(self):
        super().setUp()
        run = self.brigade("data", "prepare", self.text, "--out", "data", "--validation", "0.1")
        self.assert_ended(run, 0)
        self.create()

    def create(self, seed=1, steps=0):
        """Anew: what was created before is gone."""
        shutil.rmtree(self.folder / "mine", ignore_errors=True)
        manifest = json.loads((self.folder / "data/train.bin.json").read_text())
        (self.folder / "swarm.toml").write_text(
            SWARM.format(folder=self.folder, vocabulary=manifest["vocabulary"], seed=seed,
                         steps=steps))
        self.assert_ended(self.brigade("swarm", "create", "swarm.toml", "--out", "mine"), 0)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Machine:
    """A home folder: all that one machine has. `around` runs a command on its network."""

    def __init__(self, test, name, around=lambda words: words):
        self.test = test
        self.around = around
        self.home = test.folder / name
        self.home.mkdir()
        self.log = self.home / "log"
        self.process = None

    def environment(self):
        # Control sockets have short names: no folder of a test's own in a long temporary path.
        return {**os.environ, "HOME": str(self.home), "XDG_STATE_HOME": str(self.home / "s")}

    def brigade(self, *arguments):
        done = subprocess.run([str(harness.BRIGADE), *map(str, arguments)], cwd=self.test.folder,
                              env=self.environment(), timeout=60, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        return harness.Run(done.returncode, done.stdout, done.stderr, 0)

    def join(self, invite, *flags, listen="127.0.0.1:0"):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.around([str(harness.BRIGADE), "join", str(invite), "--listen", listen,
                             "--threads", "1", "--device", "cpu", *map(str, flags)]),
                cwd=self.test.folder, env=self.environment(), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log)
        self.test.started.append(self.process)

    def status(self):
        """None while it does not answer."""
        run = self.brigade("status", "--json")
        lines = run.out.strip().split("\n")
        return json.loads(lines[0]) if run.code == 0 and lines[0] else None

    def answer(self):
        """Its status, once it answers."""
        return harness.wait_until(self.status, 20, f"an answer of {self.home.name}")

    def account(self):
        """Its status, once every micro-batch that it ever had is where it should be."""
        status = self.answer()
        replica = status["replicas"]
        known = status["applied"] + status["in_flight"] + replica["handed_back"]
        self.test.assertEqual(replica["taken"], known, (self.home.name, status))
        return status

    def wait_for(self, condition, seconds, what):
        def holds():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.home.name} ended: {self.log.read_text()[-2000:]}")
            status = self.status()
            return status if status and condition(status) else None

        try:
            return harness.wait_until(holds, seconds, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.home.name}: {self.status()}\n"
                                 f"{self.log.read_text()[-3000:]}") from None

    def wait_for_training(self, beyond=0, seconds=TRAINS_WITHIN_S):
        return self.wait_for(lambda s: s["phase"] == "training" and s["position"] > beyond, seconds,
                             f"training beyond {beyond}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)
