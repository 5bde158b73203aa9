"""A swarm of three stages with two replicas each, and what can happen to its machines.

Each machine has a network of its own where there is root, so that cables can be pulled; else all
are on loopback and no cable is. Nothing is believed that a node says of itself where its log can
tell: `applied id=…` is written before anybody else can know of it.
"""

import collections
import dataclasses
import datetime
import math
import random
import re
import shutil
import signal
import threading
import time

import harness
import nat_lab
from machines import Machine, free_port

STAGES = 3
REPLICAS = 2
PORT = 7070
LONGEST_PAUSE_S = 10
FINAL_LOSS_WITHIN_S = 600
LAST_WORDS = 10  # so many updates at most are written down and not yet told when a kill comes


@dataclasses.dataclass
class Applied:
    at: float
    is_last: bool  # among the last that a killed one wrote


class ChaosSwarm:
    def __init__(self, test, seed):
        self.test = test
        self.random = random.Random(seed)
        self.count = STAGES * REPLICAS
        self.lab = nat_lab.NatLab(public=self.count, homes=0) if nat_lab.can_run() else None
        if self.lab:
            test.addCleanup(self.lab.close)
        self.machines = [self._machine(i) for i in range(self.count)]
        self.line = None
        self.killed_at = [[] for _ in range(self.count)]  # by machine: sizes of its log then

    def _machine(self, i):
        if not self.lab:
            return Machine(self.test, f"m{i}")
        place = self.lab.machines[i]
        return Machine(self.test, f"m{i}", lambda words: self.lab.command(place, words))

    def address(self, i):
        if self.lab:
            return f"{self.lab.machines[i][1]}:{PORT}"
        return f"127.0.0.1:{self.ports[i]}"

    def join(self, i):
        listen = self.address(i)
        invite = "mine" if i == 0 else self.line
        self.machines[i].join(invite, "--stage", i % STAGES, "--announce", listen, "--log", "debug",
                              listen=listen)

    def start(self):
        if not self.lab:
            self.ports = [free_port() for _ in range(self.count)]
        self.join(0)
        self.machines[0].wait_for(lambda s: s["members"], 30, "the owner's node")
        run = self.machines[0].brigade("invite", "--swarm", "mine", "--uses", "any")
        assert run.code == 0, run
        self.line = run.out.strip()
        for i in range(1, self.count):
            self.join(i)
        for machine in self.machines:
            machine.wait_for_training()
        for machine in self.machines:
            machine.wait_for(lambda s: len(s["members"]) == self.count, 30, "all members known")

    # ---- what can happen ----------------------------------------------------------------------

    def kill(self, i, seconds):
        self.machines[i].kill()
        self.killed_at[i].append(self.machines[i].log.stat().st_size)
        time.sleep(seconds)
        self.join(i)

    def restart(self, i, seconds):
        assert self.machines[i].stop() == 0, self.machines[i].log.read_text()[-2000:]
        time.sleep(seconds)
        self.join(i)

    def freeze(self, i, seconds):
        process = self.machines[i].process
        process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        process.send_signal(signal.SIGCONT)

    def cut(self, i, seconds):
        self.lab.cable(i, up=False)
        time.sleep(seconds)
        self.lab.cable(i, up=True)

    def disturb(self, longest_freeze):
        """One of them, to one machine; the others of its stage stay. Returns what was done."""
        kinds = ["kill", "restart", "freeze"] + (["cut"] if self.lab else [])
        kind = self.random.choice(kinds)
        i = self.random.randrange(self.count)
        if kind == "freeze":
            seconds = longest_freeze
        else:
            seconds = self.random.uniform(0.5, 8)
        getattr(self, kind)(i, seconds)
        return f"{kind} m{i} (stage {i % STAGES}) {seconds:.1f} s"

    # ---- what is seen -------------------------------------------------------------------------

    def applied(self, i):
        """What this machine applied, over all its instances, in order."""
        lines = list(re.finditer(rb"^(\S+)Z .* applied id=(\d+/\d+/\d+)$",
                                 self.machines[i].log.read_bytes(), re.MULTILINE))
        last = set()
        for size in self.killed_at[i]:
            last.update([line.start() for line in lines if line.start() < size][-LAST_WORDS:])
        for line in lines:
            at = datetime.datetime.fromisoformat(line[1].decode()).timestamp()
            yield line[2].decode(), Applied(at, line.start() in last)

    def by_stage(self):
        stages = [collections.defaultdict(list) for _ in range(STAGES)]
        for i in range(self.count):
            for microbatch, applied in self.applied(i):
                stages[i % STAGES][microbatch].append(applied)
        return stages

    def settle(self):
        """The heads draw no more and leave; then nothing may be left anywhere."""
        heads = [i for i in range(self.count) if i % STAGES == 0]
        for i in heads:
            self.machines[i].process.send_signal(signal.SIGTERM)
        for i in heads:
            self.machines[i].process.wait(timeout=40)
        others = [i for i in range(self.count) if i % STAGES != 0]
        for i in others:
            self.machines[i].wait_for(lambda s: s["in_flight"] == 0, 40, "nothing in flight")
        return [self.machines[i] for i in others]


class Pulse:
    """How long training stood still at the longest: no head applied anything."""

    def __init__(self, swarm):
        self.swarm = swarm
        self.longest = 0.0
        self.at = 0.0
        self.applied = 0
        self.offsets = {}
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        heads = [m for i, m in enumerate(self.swarm.machines) if i % STAGES == 0]
        last = start = time.monotonic()
        while not self.is_over.wait(0.2):
            news_came = False
            for head in heads:
                with open(head.log, "rb") as log:
                    log.seek(self.offsets.get(head, 0))
                    news = log.read()
                self.offsets[head] = self.offsets.get(head, 0) + len(news)
                count = news.count(b" applied id=")
                self.applied += count
                news_came = news_came or count > 0
            pause = time.monotonic() - last
            if pause > self.longest:
                self.longest, self.at = pause, time.monotonic() - start
            if news_came:
                last = time.monotonic()

    def stop(self):
        self.is_over.set()
        self.thread.join()


def died_unheard(stages, k, microbatch):
    """Applied twice, once by a replica that SIGKILL ended before anybody could know of it: the
    update died with its weights. The stage before heard of the other one alone: it applied later.
    """
    last, *others = sorted(stages[k][microbatch], key=lambda one: not one.is_last)
    before = stages[k - 1][microbatch] if k > 0 else []
    return (last.is_last and len(others) == 1 and not others[0].is_last
            and all(others[0].at <= one.at for one in before))


def check_account(test, swarm, pulse):
    """Raises where something was lost or done twice. Returns figures for people."""
    written_off = sum((m.status().get("replicas") or {}).get("written_off", 0)
                      for m in swarm.machines)
    for machine in swarm.settle():
        machine.account()
    stages = swarm.by_stage()
    repeated = [sorted(m for m, by in stage.items() if len(by) > 1) for stage in stages]
    unheard = [[m for m in ids if died_unheard(stages, k, m)] for k, ids in enumerate(repeated)]
    twice = [sorted(set(ids) - set(unheard[k])) for k, ids in enumerate(repeated)]
    lost = [sorted(set(stages[-1]) - set(stage)) for stage in stages[:-1]]
    early = [sorted(set(stage) - set(stages[-1])) for stage in stages[:-1]]
    figures = {
        "applied": [sum(map(len, stage.values())) for stage in stages],
        "longest_pause_s": round(pulse.longest, 1), "pause_at_s": round(pulse.at, 1),
        "applied_twice": [len(ids) for ids in twice],
        "died_unheard": [len(ids) for ids in unheard], "lost": [len(ids) for ids in lost],
        "early": [len(ids) for ids in early], "written_off": written_off,
    }
    print(figures, flush=True)
    test.assertEqual(figures["applied_twice"], [0] * STAGES, twice)
    test.assertEqual(figures["lost"], [0] * (STAGES - 1), lost)
    test.assertEqual(figures["early"], [0] * (STAGES - 1), early)
    test.assertEqual(written_off, 0)
    return figures


def run_chaos(test, seconds, events, seed, longest_freeze):
    """So many events, evenly in that time, one machine at a time."""
    swarm = ChaosSwarm(test, seed)
    swarm.start()
    pulse = Pulse(swarm)
    began = time.monotonic()
    for k in range(events):
        due = began + seconds * k / events
        time.sleep(max(0.0, due - time.monotonic()))
        print(f"{time.monotonic() - began:6.1f} s  {swarm.disturb(longest_freeze)}", flush=True)
    time.sleep(max(0.0, began + seconds - time.monotonic()))
    pulse.stop()
    for i, machine in enumerate(swarm.machines):
        machine.wait_for(lambda s: s["phase"] == "training", 60, f"m{i} training at the end")
    check_account(test, swarm, pulse)
    test.assertLess(pulse.longest, LONGEST_PAUSE_S)


def final_loss(test, seed, steps, every):
    """Of a whole run: the validation loss when all steps are trained; disturbed every so many
    seconds, never if None."""
    test.create(seed=seed, steps=steps)
    swarm = ChaosSwarm(test, seed)
    swarm.start()
    heads = [m for i, m in enumerate(swarm.machines) if i % STAGES == 0]
    events = 0
    deadline = time.monotonic() + FINAL_LOSS_WITHIN_S
    while True:
        if every and sum(m.log.read_bytes().count(b" applied id=") for m in heads) < 0.9 * steps:
            swarm.disturb(longest_freeze=8)
            events += 1
            time.sleep(every)
        found = [re.findall(r"val_loss=(\S+) .*final=true", m.log.read_text()) for m in heads]
        losses = [float(loss) for of_one in found for loss in of_one]
        if losses:
            break
        test.assertLess(time.monotonic(), deadline, "not trained in time")
        time.sleep(0.5)
    for machine in swarm.machines:
        machine.kill()
        shutil.rmtree(machine.home)
    if swarm.lab:
        swarm.lab.close()
    return losses[0], events


def compare_losses(test, seeds, steps):
    """Trained to the end, a swarm that was disturbed has learned as much as others have."""
    calm = [final_loss(test, seed, steps, every=None)[0] for seed in seeds]
    print(f"undisturbed: {calm}", flush=True)
    test.assertTrue(all(map(math.isfinite, calm)))
    for seed in seeds:
        loss, events = final_loss(test, seed, steps, every=3)
        print(f"seed {seed}: {loss} after {events} events", flush=True)
        spread = max(calm) - min(calm)
        test.assertLessEqual(loss, max(calm) + spread)
        test.assertGreater(events, 4)


def run_split(test, seconds):
    """Two halves with a replica of each stage, apart for so long, and one again."""
    swarm = ChaosSwarm(test, seed=1)
    swarm.start()
    pulse = Pulse(swarm)
    swarm.lab.split(range(STAGES))
    time.sleep(seconds)
    for i, machine in enumerate(swarm.machines):
        status = machine.status()
        print(f"m{i}: {len(status['members'])} members, position {status['position']}", flush=True)
    swarm.lab.split([])
    healed = time.monotonic()
    for machine in swarm.machines:
        machine.wait_for(
            lambda s: sum(m["standing"] == "alive" for m in s["members"]) == swarm.count, 30,
            "one swarm again")
    print(f"one swarm again after {time.monotonic() - healed:.1f} s", flush=True)
    time.sleep(20)
    pulse.stop()
    check_account(test, swarm, pulse)
    test.assertLess(pulse.longest, LONGEST_PAUSE_S)
