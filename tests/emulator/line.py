"""A whole line of daemons from files written here: a node in each namespace of a Netlab, or all on
loopback, with a delay line in each daemon where links shall be long.

    with Netlab(["s0", "s1"]) as lab, Line(folder, bin, swarm, lab) as line:
        line.wait_until_over(60)
        print(line.steps()[-1], line.evaluations()[-1], line.status()[0]["staleness_mean"])

`swarm` is swarm.toml as a dictionary of sections; stage k runs in the lab's k-th node.
"""

import datetime
import json
import os
import re
import socket
import subprocess
import time
from dataclasses import dataclass

PORT = 7070
STEP = re.compile(r"^(\S+Z) debug +step position=(\d+) ")
EVALUATION = re.compile(r"^(\S+Z) info +evaluation position=(\d+) val_loss=([0-9.einfa-]+) ")
TRAINING = re.compile(r"^(\S+Z) info +phase phase=training ")
OVER = "phase phase=over "

# Processes that share cores wait passively.
ENVIRONMENT = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}


class LineFailed(Exception):
    """A daemon ended or the run took too long; says which, with the end of its log."""


@dataclass
class Evaluation:
    seconds: float  # since training began
    position: int
    loss: float


def to_toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(to_toml, value)) + "]"
    return json.dumps(str(value))


def toml_text(sections):
    """Settings at the top first, then a table for each dictionary."""
    lines = [f"{key} = {to_toml(value)}" for key, value in sections.items()
             if not isinstance(value, dict)]
    for name, table in sections.items():
        if isinstance(table, dict):
            lines.append(f"\n[{name}]")
            lines += [f"{key} = {to_toml(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def seconds_of(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


class Line:
    def __init__(self, folder, programs, swarm, lab=None, link_delay_ms=0, pin=None):
        """`programs`: the folder of brigaded and brigade. `pin`: the core of each stage."""
        self.folder = folder
        self.programs = programs
        self.lab = lab
        self.stages = swarm["stages"]
        self.link_delay_ms = link_delay_ms
        self.processes = []
        self._logs = []
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "swarm.toml").write_text(toml_text(swarm))
        for stage in range(self.stages):
            self.node_folder(stage).mkdir(mode=0o700, exist_ok=True)
        try:
            self._start(pin)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def node_folder(self, stage):
        return self.folder / f"node-{stage}"

    def log_text(self, stage):
        return (self.node_folder(stage) / "log").read_text(errors="replace")

    def _addresses(self):
        if self.lab is not None:
            return [f"{self.lab.address(node)}:{PORT}" for node in self.lab.nodes[:self.stages]]
        return [f"127.0.0.1:{port}" for port in free_ports(self.stages)]

    def _start(self, pin):
        addresses = self._addresses()
        for stage in range(self.stages):
            self._write_node(stage, addresses, [])
        ids = [self._id(stage) for stage in range(self.stages)]
        for stage in range(self.stages):
            peers = [{"id": ids[other], "stage": other,
                      "address": addresses[other] if other < stage else ""}
                     for other in (stage - 1, stage + 1) if 0 <= other < self.stages]
            self._write_node(stage, addresses, peers)
        for stage in range(self.stages):
            command = [self.programs / "brigaded", "--config", self.node_file(stage)]
            if pin is not None:
                command = ["taskset", "-c", str(pin[stage % len(pin)]), *command]
            if self.lab is not None:
                command = self.lab.command(self.lab.nodes[stage], command)
            log = open(self.node_folder(stage) / "log", "ab")
            self._logs.append(log)
            self.processes.append(subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **ENVIRONMENT}))

    def node_file(self, stage):
        return self.node_folder(stage) / "node.toml"

    def _write_node(self, stage, addresses, peers):
        node = {"swarm": "../swarm.toml", "stage": stage, "state_dir": ".",
                "listen": addresses[stage], "device": "cpu", "threads": 1,
                "log": "debug" if stage == 0 else "info"}
        if self.link_delay_ms:
            node["link_delay_ms"] = self.link_delay_ms
        text = toml_text(node)
        for peer in peers:
            text += "\n[[peers]]\n" + toml_text(peer)
        self.node_file(stage).write_text(text)

    def _id(self, stage):
        shown = subprocess.run([self.programs / "brigaded", "--config", self.node_file(stage),
                                "--show-id"], capture_output=True, text=True, check=False)
        if shown.returncode != 0:
            raise LineFailed(shown.stderr.strip())
        return shown.stdout.strip()

    def check(self):
        for stage, process in enumerate(self.processes):
            if process.poll() is not None:
                tail = "\n".join(self.log_text(stage).splitlines()[-5:])
                raise LineFailed(f"stage {stage} exited with {process.returncode}:\n{tail}")

    def wait_until_over(self, timeout):
        """Until the head has trained, evaluated and saved everything."""
        deadline = time.monotonic() + timeout
        seen = ""
        with open(self.node_folder(0) / "log", encoding="utf-8", errors="replace") as log:
            # What was looked at is not looked at again: the cores are the daemons'.
            while OVER not in (seen := seen[-len(OVER):] + log.read()):
                self.check()
                if time.monotonic() > deadline:
                    tail = "\n".join(self.log_text(0).splitlines()[-5:])
                    raise LineFailed(f"not over after {timeout:.0f} s; the head says:\n{tail}")
                time.sleep(0.2)

    def _matches(self, pattern):
        """(seconds since training began, match) of each line of the head's log."""
        lines = self.log_text(0).splitlines()
        start = next(seconds_of(found[1]) for line in lines if (found := TRAINING.match(line)))
        return [(seconds_of(found[1]) - start, found)
                for line in lines if (found := pattern.match(line))]

    def steps(self):
        """(seconds since training began, micro-batches done) of every step."""
        return [(seconds, int(found[2])) for seconds, found in self._matches(STEP)]

    def evaluations(self):
        return [Evaluation(seconds, int(found[2]), float(found[3]))
                for seconds, found in self._matches(EVALUATION)]

    def status(self):
        """What `brigade status --json` says of every stage."""
        found = []
        for stage in range(self.stages):
            asked = subprocess.run([self.programs / "brigade", "status", "--json", "--socket",
                                    self.node_folder(stage) / "control.sock"],
                                   capture_output=True, text=True, check=False)
            if asked.returncode != 0:
                raise LineFailed(asked.stderr.strip())
            found.append(json.loads(asked.stdout))
        return found

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for log in self._logs:
            log.close()
